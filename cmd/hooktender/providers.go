package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hooktender/hooktender/rules/verify"
)

// A provider is a preset as people see it: in the listing, in JSON, and on the
// page docs/providers.md, which is made of it.
type provider struct {
	Name        string          `json:"name"`
	Title       string          `json:"title"`
	Verify      string          `json:"verify"` // how it is written in a configuration
	Proof       string          `json:"proof"`
	Headers     []string        `json:"headers"`
	Window      string          `json:"window"`       // how far the sender's time may be off; "": none is judged
	ID          []string        `json:"id"`           // where request.id is taken from, the first present
	IDSigned    bool            `json:"id_signed"`    // no one else can choose it; true where there is none, or nothing is signed
	Event       []string        `json:"event"`        // likewise request.event
	EventSigned bool            `json:"event_signed"` // as id_signed
	Params      []providerParam `json:"params"`       // beside the secret
	PublicURL   bool            `json:"public_url"`   // needs server.public_url
	Handshakes  []string        `json:"handshakes"`   // answered without any rule
	Setup       string          `json:"setup"`
	Note        string          `json:"note"`
	NotSigned   string          `json:"not_signed"` // what rules read all the same
	Tested      verify.Evidence `json:"tested"`
	Recorded    []string        `json:"recorded"` // deliveries that send has
}

type providerParam struct {
	Name     string `json:"name"`
	About    string `json:"about"`
	Optional bool   `json:"optional"`
}

func providersCommand() *cobra.Command {
	var asJSON bool
	list := func(cmd *cobra.Command, _ []string) error { return listProviders(cmd.OutOrStdout(), asJSON) }
	cmd := &cobra.Command{
		Use:   "providers",
		Short: "List the providers whose requests can be verified, and what each needs",
		Args:  exactly(0),
		RunE:  list,
	}
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List them", Args: exactly(0), RunE: list},
		&cobra.Command{
			Use: "show NAME", Short: "Show what proves the sender, what to enter where, and how it is tested", Args: exactly(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := findProvider(args[0])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), p)
				}
				p.print(cmd.OutOrStdout())
				return nil
			},
		})
	return cmd
}

func providers() []provider {
	var all []provider
	for _, name := range verify.Presets() {
		all = append(all, newProvider(name))
	}
	return all
}

func newProvider(name string) provider {
	s, _ := verify.Preset(name)
	p := provider{
		Name: name, Title: s.Title, Verify: s.Example(name), Proof: s.Describe(), Headers: orEmpty(s.Headers()), Window: s.Window(),
		ID: orEmpty(s.ID), IDSigned: s.SignsID(), Event: orEmpty(s.Event), EventSigned: s.SignsEvent(), Params: []providerParam{}, PublicURL: s.NeedsURL(),
		Handshakes: orEmpty(s.Handshake), Setup: s.Setup, Note: s.Note, NotSigned: s.Cover().Gap, Tested: s.Tested,
		Recorded: orEmpty(recordedOf(name).names()),
	}
	for _, param := range slices.Sorted(maps.Keys(s.Params)) {
		p.Params = append(p.Params, providerParam{param, s.Params[param].About, s.Params[param].Optional})
	}
	return p
}

// orEmpty keeps a list from being null in JSON.
func orEmpty(list []string) []string { return append([]string{}, list...) }

func findProvider(name string) (provider, error) {
	if _, known := verify.Preset(name); known {
		return newProvider(name), nil
	}
	var like []string
	for _, known := range verify.Presets() {
		if strings.Contains(known, name) || strings.Contains(name, known) {
			like = append(like, known)
		}
	}
	if len(like) > 0 {
		return provider{}, usageError{fmt.Errorf("no provider %q; there is %s", name, strings.Join(like, ", "))}
	}
	return provider{}, usageError{fmt.Errorf("no provider %q; `hooktender providers` lists them", name)}
}

func listProviders(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, providers())
	}
	var rows [][]string
	for _, p := range providers() {
		rows = append(rows, []string{p.Name, string(p.Tested), p.Title})
	}
	return table(w, "NAME TESTED PROVIDER", rows)
}

// spellID says where the id stands, and whether it could be another's choice.
func (p provider) spellID() string {
	return spellPlaces(p.ID, p.IDSigned, "not signed: whoever sends a genuine request again can change it")
}

// spellPlaces names places, and says of those that are not signed what that means.
func spellPlaces(places []string, signed bool, unsigned string) string {
	text := strings.Join(places, ", ")
	if !signed {
		text += " (" + unsigned + ")"
	}
	return text
}

func (p provider) print(w io.Writer) {
	field(w, "name", p.Name)
	field(w, "provider", p.Title)
	field(w, "write", "verify: "+p.Verify)
	field(w, "set up", p.Setup)
	for _, param := range p.Params {
		about := param.About
		if param.Optional {
			about += " (optional)"
		}
		field(w, "", param.Name+": "+about)
	}
	if p.PublicURL {
		field(w, "", "server.public_url: what the provider calls is signed, too")
	}
	field(w, "proof", p.Proof)
	field(w, "headers", strings.Join(p.Headers, ", "))
	if p.Window != "" {
		field(w, "time", "at most "+p.Window+" off, judged after the signature")
	}
	field(w, "request.id", p.spellID())
	field(w, "event", spellPlaces(p.Event, p.EventSigned, "not signed"))
	field(w, "handshakes", strings.Join(p.Handshakes, ", "))
	field(w, "note", p.Note)
	field(w, "not signed", p.NotSigned)
	field(w, "recorded", strings.Join(p.Recorded, ", "))
	field(w, "tested", p.Tested.Sentence())
}
