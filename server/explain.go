package server

import (
	"context"
	"errors"
	"io/fs"

	"github.com/hooktender/hooktender/rules"
)

// explain adds to the rules of a delivery what each condition came to, and of
// what: as of then, from the stored body and the definition of then. Where that
// is not kept, it says so; the decisions themselves are always there.
func (a *API) explain(ctx context.Context, shown shownDelivery) (shownDelivery, error) {
	d := shown.Delivery
	if len(d.Decisions) == 0 {
		return shown, nil
	}
	body, err := a.Store.Body(ctx, d.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return shown, err
	}
	decisions, err := rules.Explain(d, body)
	if err != nil {
		shown.Untraced = err.Error()
		return shown, nil
	}
	d.Decisions = decisions
	return shown, nil
}
