package server

import (
	"context"
	"net/http"
	"time"

	"github.com/julienschmidt/httprouter"
)

// pinger is a store that can say whether it still takes something.
type pinger interface {
	Ping(ctx context.Context) error
}

// Health is the part of the private door that tells nothing but whether the
// server lives (/healthz) and whether it can take events (/readyz).
func Health(store pinger) http.Handler {
	router := newRouter()
	addHealth(router, store)
	return router
}

// readyWithin is how long the store may take to answer.
const readyWithin = 2 * time.Second

func addHealth(router *httprouter.Router, store pinger) {
	router.GET("/healthz", func(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
		answer(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	router.GET("/readyz", func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		if err := store.Ping(ctx); err != nil {
			answerLater(w, "the store does not answer")
			return
		}
		answer(w, http.StatusOK, map[string]string{"status": "ready"})
	})
}
