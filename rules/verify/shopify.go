package verify

import (
	"io"
	"maps"
	"slices"
	"strings"
)

// compileShopifyQuery verifies what Shopify sends in a query: the callback of
// OAuth signs as "hmac", the app proxy as "signature", each over the other
// parameters in order (shopify.dev/docs/apps/build/authentication-authorization,
// shopify.dev/docs/apps/build/online-store/app-proxies).
func compileShopifyQuery(c *compiler) proof {
	c.unused("token", len(c.scheme.Token) > 0)
	from := c.sources("signature.from", c.scheme.Signature.From)
	between, several := "&", ","
	if len(from) != 1 || from[0].kind != inQuery {
		c.failf("signature.from", "write query:hmac for the callback of OAuth, or query:signature for the app proxy")
	} else if from[0].name == "signature" {
		between = ""
	}
	write := func(w io.Writer, e evidence, _ []byte) error {
		values := maps.Clone(e.queryValues())
		delete(values, from[0].name)
		if between == "&" {
			delete(values, "signature") // an older one, of the same parameters
		}
		var items []string
		for _, name := range slices.Sorted(maps.Keys(values)) {
			items = append(items, name+"="+strings.Join(values[name], several))
		}
		_, err := io.WriteString(w, strings.Join(items, between))
		return err
	}
	return &shopifyQuery{signed{
		field: signatureField{from: from, encoding: encodings["hex"]},
		body:  &template{parts: []part{write}, names: []string{"query"}},
		keys:  c.digests(newHMACKey(algorithms["sha256"]))(),
	}}
}

type shopifyQuery struct{ signed }

// verify refuses a body, of which the signature says nothing: that of a customer's
// own request comes through the app proxy, too.
func (p *shopifyQuery) verify(r *Request) error {
	if len(r.Body) > 0 {
		return reject("the body is not signed: only the query is")
	}
	return p.signed.verify(r)
}

func (p *shopifyQuery) sign(r *Request) error {
	r.setBody(nil) // the provider sends none
	return p.signed.sign(r)
}
