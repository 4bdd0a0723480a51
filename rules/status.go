package rules

// A CommitStatus is what is said of a commit at the place where its repository
// is kept.
type CommitStatus struct {
	Service    string   `json:"service"`       // github, gitlab, gitea, bitbucket
	API        string   `json:"api,omitempty"` // base URL; "" for the service's own
	Token      Text     `json:"token"`         // what proves that we may
	Repository string   `json:"repository"`    // with its owner
	Commit     string   `json:"commit"`        // its id
	Context    string   `json:"context"`       // tells statuses of one commit apart
	State      string   `json:"state"`         // pending, success, failure
	Of         *Outcome `json:"of,omitempty"`  // the run that it is about; nil where the rule says the state itself
}
