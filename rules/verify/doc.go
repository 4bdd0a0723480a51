// Package verify answers one question about a request: is it really them?
//
// It owns signature schemes, the providers that use them (as data, in
// presets.json) and the type that keeps secrets from being printed. It never
// opens a socket, reads a file or looks at a clock: whoever calls brings the
// untouched bytes, the time, and what fetches the keys of providers. It knows
// nothing of rules, YAML or HTTP servers.
//
// The tour, in the order a request sees it:
//
//   - scheme.go is the declarative template: what a provider says about its
//     signature, in a few words of data. preset.go finds one by name.
//   - compile.go turns a Scheme and its secrets into a Verifier. Every mistake
//     of a template is found there, all at once, and none at a request. mistake.go
//     is how it is told, and what of a template is allowed and still doubtful.
//   - verifier.go is the face: Verify, Identify, Sign, Sensitive.
//   - signed.go is the straight line of a signed request: read the signature,
//     rebuild the message, compare, and only then believe the timestamp.
//     signature.go, template.go, digest.go and timestamp.go are its four steps.
//   - publickey.go is what Ed25519, ECDSA and RSA share, each of which is a file
//     with a key; pem.go and jwk.go read keys in PEM and JSON, and public.go keeps
//     them from being taken for secrets. fetch.go names the documents that
//     providers publish, and who may be asked for them.
//   - jwt.go is a token that the sender signed; jwt_keys.go, jwt_algorithms.go and
//     jwt_claims.go are its three questions: by whom, with what, and saying what.
//   - combine.go is several schemes as one: any of them, or all.
//   - token.go is everything that merely repeats a secret, Basic included; mtls.go
//     is the certificate of a client.
//   - twilio.go, sns.go, contentful.go, adyen.go, braintree.go, shopify.go, plaid.go
//     and graph.go are what no template says, a file a provider.
//   - source.go, request.go, form.go and jsonpath.go find "header:X" or
//     "json:a.b" in the raw bytes.
//   - handshake.go answers the requests with which providers check an address;
//     handshakes.json is the list of them.
//   - about.go and describe.go tell people what a scheme is and how it is tested.
//
// A further kind of scheme is one file with a proof and a line in kinds; a
// further kind of key is one file with a key, likewise.
//
// Everything fails closed. What is missing, repeated with another value, or
// unreadable is a [Rejection], and a scheme without a secret does not compile.
package verify
