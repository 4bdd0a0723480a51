// Package outbound is how others are reached over HTTP: one client with bounds
// on time, size, redirects and addresses, for those who call out (runner/call),
// tell people (runner/notify) and look at websites (watch).
//
// [New] makes a client. [Client.Do] sends one request and reads the answer up to
// a bound. Which addresses may be reached is a [Policy]: a host that the
// operator has written down may be anywhere, one that a payload named may not be
// on this machine or its network, and neither may be where a redirect leads.
package outbound
