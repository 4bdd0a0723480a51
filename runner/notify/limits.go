package notify

// What fits a chat, where the service would take more: characters, as the
// service counts them. Of what is longer, the page of the run has the rest.
const (
	maxFact = 300
	maxText = 1500
	maxLog  = 2000
)
