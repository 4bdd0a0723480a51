// Package verify answers one question about a request: is it really them?
//
// It owns signature schemes, the providers that use them (as data, in
// presets.json) and the type that keeps secrets from being printed. It never
// opens a socket, reads a file or looks at a clock: whoever calls brings the
// untouched bytes and the time. It knows nothing of rules, YAML or HTTP servers.
//
// The tour, in the order a request sees it:
//
//   - scheme.go is the declarative template: what a provider says about its
//     signature, in a few words of data. preset.go finds one by name.
//   - compile.go turns a Scheme and its secrets into a Verifier. Every mistake
//     of a template is found there, all at once, and none at a request.
//   - verifier.go is the face: Verify, Identify, Sign, Sensitive.
//   - signed.go is the straight line of a signed request: read the signature,
//     rebuild the message, compare, and only then believe the timestamp.
//     signature.go, template.go, digest.go and timestamp.go are its four steps.
//   - token.go is everything that merely repeats a secret, Basic included.
//   - source.go, request.go, form.go and jsonpath.go find "header:X" or
//     "json:a.b" in the raw bytes.
//
// A further kind of scheme is one file with a proof and a line in kinds; a
// further kind of key (Ed25519, RSA, ECDSA) is one file with a key.
//
// Everything fails closed. What is missing, repeated with another value, or
// unreadable is a [Rejection], and a scheme without a secret does not compile.
package verify
