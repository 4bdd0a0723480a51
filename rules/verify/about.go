package verify

// About is what people are told of a provider's preset.
type About struct {
	Title  string   `json:"title,omitempty"`  // the provider's name
	Proof  string   `json:"proof,omitempty"`  // what proves the sender, where no setting says it
	Setup  string   `json:"setup,omitempty"`  // what to enter where on the provider's page
	Note   string   `json:"note,omitempty"`   // what else one has to know
	Tested Evidence `json:"tested,omitempty"` // how it is known to be right
}

// Evidence says against what a preset is tested. The tests hold it to what the
// vectors in testdata show.
type Evidence string

const (
	// ByProvider: requests that the provider printed in its documentation or in
	// the tests of its own library, or an RFC for a generic scheme.
	ByProvider Evidence = "vectors"
	// ByOthers: requests that others recorded or printed, who use the provider.
	ByOthers Evidence = "others"
	// BySDK: requests that the provider's own library made for our tests.
	BySDK Evidence = "sdk"
	// ByConstruction: only requests that we made ourselves, after the provider's
	// description.
	ByConstruction Evidence = "construction"
)

// Sentence says the same to people, behind the word tested.
func (e Evidence) Sentence() string {
	switch e {
	case ByProvider:
		return "against requests that the provider, or an RFC, has published"
	case ByOthers:
		return "against requests that users of the provider have published"
	case BySDK:
		return "against requests made with the provider's own library"
	}
	return "only by construction: built after the provider's description, with no published request to test against"
}
