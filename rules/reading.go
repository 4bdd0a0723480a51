package rules

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hooktender/hooktender/rules/verify"
)

// A reading is how the payload is read of a request. Whoever has seen one genuine
// request can change what its proof does not speak of, so that is no part of the
// payload, and does not decide how the rest is read. The zero value is that of
// senders whose whole request counts, as of verify: none.
type reading struct {
	content content
	form    formFields

	unsignedHeaders bool // those of a CloudEvent are not the sender's word
	unsignedQuery   bool // the query of a GET is not, either
}

// formFields are those of a form that count.
type formFields struct {
	json   string   // holds the whole payload as JSON, where it is there
	must   bool     // json is there, or the form is none of the sender's
	signed []string // where one of these is there, all others are not signed; nil: all are
}

// keep takes out of a form what is not signed.
func (f formFields) keep(form map[string][]string) {
	isSigned := func(name string) bool { return slices.Contains(f.signed, name) }
	if !slices.ContainsFunc(f.signed, func(name string) bool { return form[name] != nil }) {
		return // it was not proven by these fields, but by another of several schemes
	}
	for name := range form {
		if !isSigned(name) {
			delete(form, name)
		}
	}
}

// takesEvents tells whether headers can make a request a CloudEvent.
func (r *reading) takesEvents() bool {
	return !r.unsignedHeaders && (r.content == contentAuto || r.content == contentCloudEvents)
}

// takesQuery tells of a request that its query is its payload.
func takesQuery(r *Request) bool {
	return len(r.Body) == 0 && r.RawQuery != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// reading is how a request is read that has this proof, where the hook does not say
// how. What contradicts itself is told.
func (p *proof) reading(said content) reading {
	cover := p.cover()
	r := reading{content: said, unsignedHeaders: !cover.Request, unsignedQuery: !p.queryCounts()}
	if said == contentAuto {
		r.content = p.kindOfBody(r.unsignedHeaders)
	}
	r.form = formFields{json: p.formField(), must: p.insistsOnField(), signed: cover.Fields}
	for _, one := range p.each() {
		p.checkFields(one, cover.Fields)
	}
	return r
}

// kindOfBody is how the bodies of a provider are read that sends one kind only, some
// JSON as text/plain. Where it sends forms as well, the Content-Type tells which it is
// only if it is the provider's word.
func (p *proof) kindOfBody(unsignedHeaders bool) content {
	kinds := strings.Split(string(p.content()), "|")
	first := content(kinds[0])
	switch {
	case len(kinds) == 1 && (first == contentJSON || first == contentForm):
		return first
	case !unsignedHeaders:
	case len(kinds) == 1 && first == "json-array":
		return contentJSON
	case first == contentJSON && len(kinds) > 1:
		return contentEither
	}
	return contentAuto
}

// signedKind is how a body is read that may be JSON or a form. If the proof of a form
// is one of its fields, the proof has gone by the Content-Type, and by the bytes of all
// else. Otherwise it speaks of the bytes alone, so that these tell; what is said to be
// JSON and is not is refused as such.
func (r *reading) signedKind(req *Request) content {
	kind, err := contentOf(req.Header)
	is := func(one content) bool { return err == nil && kind == one }
	if r.form.signed != nil && is(contentForm) {
		return contentForm
	}
	if r.form.signed == nil && !is(contentJSON) && !verify.BeginsAsJSON(req.Body) {
		return contentForm
	}
	return contentJSON
}

// cover is what is proven of a request, but for its query, whichever of any has proven
// it, or by all together.
func (p *proof) cover() verify.Cover {
	if p.members == nil {
		return p.scheme.Cover()
	}
	c := verify.Cover{Request: true}
	for _, m := range p.members {
		of := m.cover()
		c.Request = c.Request && of.Request // beside a signature, a token is not all that is wanted
		if c.Fields == nil {
			c.Fields = of.Fields
		}
	}
	return c
}

// queryCounts tells that the query of a GET is the sender's word whichever of any has
// proven the request: one that signs nothing says so of all of it, beside one that
// signs the body of none.
func (p *proof) queryCounts() bool {
	return p.counts(
		func(c verify.Cover) bool { return c.Query || c.Fields != nil },
		func(c verify.Cover) bool { return c.Request || c.NoContent })
}

// pathCounts tells the same of the path.
func (p *proof) pathCounts() bool {
	return p.counts(func(c verify.Cover) bool { return c.Path }, func(c verify.Cover) bool { return c.Request })
}

// counts tells that a part of the request is the sender's word: signed, or let pass by
// schemes that all trust the sender with it.
func (p *proof) counts(signed, trusted func(verify.Cover) bool) bool {
	if p.members == nil {
		return trusted(p.scheme.Cover()) || p.signs(signed)
	}
	return p.signs(signed) || !slices.ContainsFunc(p.members, func(m *proof) bool { return !m.counts(signed, trusted) })
}

// signs tells that nobody can change what is signed by a scheme of which signed holds.
// Of any, it has to hold of each; of all, of one.
func (p *proof) signs(signed func(verify.Cover) bool) bool {
	switch {
	case p.members == nil:
		return signed(p.scheme.Cover())
	case p.name == anyOf:
		return !slices.ContainsFunc(p.members, func(m *proof) bool { return !m.signs(signed) })
	}
	return slices.ContainsFunc(p.members, func(m *proof) bool { return m.signs(signed) })
}

// checkFields holds off that a field that one scheme signs is read because another
// one, which does not, has believed the request.
func (p *proof) checkFields(one *proof, signed []string) {
	own, field := one.scheme.Cover().Fields, one.formField()
	if own != nil && !slices.Equal(own, signed) || field != "" && signed != nil && !slices.Contains(signed, field) {
		one.node.problem("%s does not sign the same fields of a form as another scheme here, so one could be sent with the signature of the other; give each a hook of its own", one.name)
	}
}

// readAs makes the schemes agree with how the hook says that the body is read: as a
// form if that is what is signed, and otherwise by its bytes.
func (p *proof) readAs(said content) {
	if said == contentAuto || said == contentForm {
		return
	}
	for _, one := range p.each() {
		one.scheme.SignedForm = ""
		if one.scheme.Cover().Form {
			one.node.problem("%s signs the fields of a form, and content: %s reads something else out of the same body; leave content out", one.name, said)
		}
	}
}

// insistsOnField tells that every form of the sender has the field with the JSON.
func (p *proof) insistsOnField() bool {
	all := p.each()
	first := all[0].scheme.Content
	return !slices.ContainsFunc(all, func(one *proof) bool { return one.scheme.Content != first }) &&
		p.formField() != "" && !slices.Contains(strings.Split(first, "|"), string(contentForm))
}
