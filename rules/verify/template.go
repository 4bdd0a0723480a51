package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A part writes one piece of the signed message. The request's bytes go where
// they are needed, mostly into a hash, and are not copied together first. Its
// error is a *Rejection.
type part func(w io.Writer, e evidence, secret []byte) error

// A template is the signed message, taken apart once.
type template struct {
	parts  []part
	names  []string // of its placeholders, as written: "body", "header:X-Id"
	fields bool     // it consists of fields of a form, so the body has to be one
}

// A message is a template filled from one request.
type message struct {
	*template
	evidence
}

func (m message) writeTo(w io.Writer, secret []byte) error {
	for _, write := range m.parts {
		if err := write(w, m.evidence, secret); err != nil {
			return err
		}
	}
	return nil
}

func (t *template) uses(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(t.names, n) })
}

// covers reports whether a change of the value at s changes the message.
func (t *template) covers(s source) bool {
	switch s.kind {
	case inJSON:
		return t.uses("body", "body_sha256", inJSON+":"+s.name)
	case inForm:
		return t.uses("body", "body_sha256", "form_sorted", inForm+":"+s.name)
	case inFormJSON:
		return t.uses("body", "body_sha256", "form_sorted", inForm+":"+s.path[0])
	}
	return t.uses(s.kind + ":" + s.name)
}

// placeholders are those that need nothing but the request.
var placeholders = map[string]part{
	"body": func(w io.Writer, e evidence, _ []byte) error {
		_, err := w.Write(e.Body)
		return err
	},
	"secret": func(w io.Writer, _ evidence, secret []byte) error {
		_, err := w.Write(secret)
		return err
	},
	"method":      text(func(e evidence) string { return e.Method }),
	"path":        text(func(e evidence) string { return e.Path }),
	"body_sha256": text(bodySHA256),
	"body_crc32":  text(bodyCRC32),
	"url":         writeURL,
	"form_sorted": writeFormSorted,
}

// text is the part of a value that is always there.
func text(value func(evidence) string) part {
	return func(w io.Writer, e evidence, _ []byte) error {
		_, err := io.WriteString(w, value(e))
		return err
	}
}

func literal(s string) part { return text(func(evidence) string { return s }) }

// found is the part of a value that must be in the request.
func found(l sources) part {
	return func(w io.Writer, e evidence, _ []byte) error {
		v, err := l.require(e)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, v)
		return err
	}
}

// bodySHA256 is in lower-case hex.
func bodySHA256(e evidence) string {
	sum := sha256.Sum256(e.Body)
	return hex.EncodeToString(sum[:])
}

// bodyCRC32 is in decimal, as PayPal signs it.
func bodyCRC32(e evidence) string {
	return strconv.FormatUint(uint64(crc32.ChecksumIEEE(e.Body)), 10)
}

func writeURL(w io.Writer, e evidence, _ []byte) error {
	if e.URL == "" {
		return reject("the provider signs the hook's public URL, and none is configured")
	}
	_, err := io.WriteString(w, e.URL)
	return err
}

// writeFormSorted writes each field's name and value, fields in order of their
// names and nothing in between, as Mandrill signs them.
func writeFormSorted(w io.Writer, e evidence, _ []byte) error {
	values, err := e.formValues()
	if err != nil {
		return err
	}
	if e.form.files {
		return reject("the form holds a file, which is not signed")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, v := range values[name] {
			for _, text := range []string{name, v} {
				if _, err := io.WriteString(w, text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// message compiles a signed message and asks whether it is worth signing.
func (c *compiler) message(setting, text string) *template {
	t := c.template(setting, text)
	c.needsURL = c.needsURL || t.uses("url")
	if !t.speaksOfRequest() {
		c.failf(setting, "%q is the same for every request; write what the provider signs, for example {body}", text)
	}
	if !t.uses("timestamp") && !c.covered(t) {
		c.failf(setting, "the timestamp is not in it, so anybody could change it; write {timestamp} where the provider signs it, or leave timestamp out")
	}
	return t
}

// covered reports whether the timestamp is part of the message wherever it is
// found.
func (c *compiler) covered(t *template) bool {
	return !slices.ContainsFunc(c.timestampFrom, func(s source) bool { return !t.covers(s) })
}

// speaksOfRequest reports whether the message can differ from one delivery to
// the next.
func (t *template) speaksOfRequest() bool {
	return slices.ContainsFunc(t.names, func(n string) bool {
		switch n {
		case "secret", "method", "url", "path":
			return false
		}
		return !strings.HasPrefix(n, "param:")
	})
}

// template compiles the text of a setting, such as "v0:{timestamp}:{body}".
func (c *compiler) template(setting, text string) *template {
	t := &template{}
	for text != "" {
		before, rest, open := strings.Cut(text, "{")
		if before != "" {
			t.parts = append(t.parts, literal(before))
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			c.failf(setting, "a { has no }; write for example {timestamp}.{body}")
			break
		}
		t.parts = append(t.parts, c.placeholder(setting, name))
		t.names = append(t.names, name)
		text = after
	}
	return t
}

func (c *compiler) placeholder(setting, name string) part {
	if p, ok := placeholders[name]; ok {
		return p
	}
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "timestamp":
		return c.declared(setting, name, c.timestampFrom)
	case "id":
		return c.declared(setting, name, c.idFrom)
	case "param":
		return c.param(setting, rest)
	case inHeader, inQuery, inForm, inJSON, inFormJSON:
		return found(c.sources(setting, Sources{name}))
	}
	c.failf(setting, "there is no placeholder {%s}; write one of %s", name, placeholderNames())
	return literal("")
}

// declared is the part of a value whose place another setting names.
func (c *compiler) declared(setting, name string, from sources) part {
	if len(from) == 0 {
		c.failf(setting, "{%s} stands for a value of the request; write under %s where it is found", name, name)
	}
	return found(from)
}

// param is a constant that belongs to the hook, next to its secret.
func (c *compiler) param(setting, name string) part {
	value, ok := c.params[name]
	if !ok || value == "" {
		c.failf(setting, "{param:%s} has no value; write %s: … beside the secret", name, name)
	}
	return literal(value)
}

func placeholderNames() string {
	names := slices.Sorted(maps.Keys(placeholders))
	return fmt.Sprintf("{%s} {timestamp} {id} {header:X} {query:X} {form:X} {json:a.b} {param:x}", strings.Join(names, "} {"))
}
