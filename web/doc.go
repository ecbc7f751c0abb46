// Package web is the dashboard of a scheduler: pages on its flows and runs, served by an
// http.Handler. It needs no build step, no other host and no JavaScript.
package web
