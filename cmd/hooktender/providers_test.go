package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/providers.md anew")

// providersPage is docs/providers.md: made of what `providers show` shows.
func providersPage() []byte {
	var b bytes.Buffer
	counts := map[string]int{}
	for _, p := range providers() {
		counts[string(p.Tested)]++
	}
	fmt.Fprintf(&b, `# Providers

What stands here is what `+"`hooktender providers show NAME`"+` says; the page is made of the same data, and a test keeps it so.

**Tested** says how a preset is known to be right: `+"`vectors`"+` (%d): against requests that the provider has published, in its documentation or in
the tests of its own library, or an RFC for a generic scheme; `+"`others`"+` (%d): against requests that users of the provider have published;
`+"`sdk`"+` (%d): against requests made with the provider's own library; `+"`construction`"+` (%d): built after the provider's description, and tested only against
requests of our own making, because no published one was found.

The column "set up" is a pointer: providers rename what stands on their pages.

Several secrets are written as a list while one replaces another. A time is judged in both directions, after the signature, and only if it is signed.
A provider that checks the address first is answered without any rule; the names of these handshakes stand below what proves the sender.
`, counts["vectors"], counts["others"], counts["sdk"], counts["construction"])
	b.WriteString("\n| provider | `verify:` | what proves the sender | `request.id`, `request.event` | set up | tested |\n|---|---|---|---|---|---|\n")
	for _, p := range providers() {
		proof := p.Proof
		if p.Window != "" {
			proof += "; at most " + p.Window + " off"
		}
		if len(p.Handshakes) > 0 {
			proof += ". Handshakes: " + strings.Join(p.Handshakes, ", ")
		}
		names := orDash(p.ID, p.IDSigned) + "; " + orDash(p.Event, p.EventSigned)
		setup := p.Setup
		for _, param := range p.Params {
			setup += fmt.Sprintf("; %s: %s", param.Name, param.About)
		}
		if p.PublicURL {
			setup += "; needs server.public_url"
		}
		if p.Note != "" {
			setup += ". Note: " + p.Note
		}
		if p.NotSigned != "" {
			setup += ". Not signed is " + p.NotSigned
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", p.Title, p.Verify, cell(proof), cell(names), cell(setup), p.Tested)
	}
	b.WriteString("\n## Recorded deliveries\n\n`hooktender send PROVIDER NAME` sends these, the first one if no name is given. For all others give `--payload FILE`.\n")
	b.WriteString("\n| provider | deliveries |\n|---|---|\n")
	for _, p := range providers() {
		if len(p.Recorded) > 0 {
			fmt.Fprintf(&b, "| `%s` | %s |\n", p.Name, cell(strings.Join(p.Recorded, ", ")))
		}
	}
	return b.Bytes()
}

func orDash(places []string, signed bool) string {
	if len(places) == 0 {
		return "–"
	}
	return spellPlaces(places, signed, "not signed")
}

// cell keeps a text from being taken for more than the cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "{", `\{`, "<", "&lt;", "*", `\*`, "_", `\_`).Replace(text)
}

func TestProvidersPage(t *testing.T) {
	const file = "../../docs/providers.md"
	if *update {
		if err := os.WriteFile(file, providersPage(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, providersPage()) {
		t.Error("docs/providers.md is not what the presets say; write it anew with: go test ./cmd/hooktender -run TestProvidersPage -update")
	}
	for _, file := range []string{"../../README.md", "../../docs/configuration.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if count := fmt.Sprintf(" %d", len(providers())); !strings.Contains(string(text), count) {
			t.Errorf("%s does not say that there are%s providers", file, count)
		}
	}
}
