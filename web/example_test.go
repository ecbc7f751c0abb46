package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/pawl-go/pawl"
	"github.com/pawl-go/pawl/web"
)

// An app shows the dashboard among its own pages, to those whom it knows.
func Example() {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	s := pawl.NewScheduler(filepath.Join(folder, "jobs.db"), pawl.WithLogger(slog.New(slog.DiscardHandler)))
	s.Every("sync", time.Minute, pawl.JobFunc(func(context.Context) error { return nil }))
	r, err := s.Start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(context.Background())

	mux := http.NewServeMux()
	mux.Handle("/pawl/", http.StripPrefix("/pawl", web.Handler(r,
		web.WithName("Jobs of the shop"),
		web.WithAuthorize(func(r *http.Request, action string) error {
			if user, _, _ := r.BasicAuth(); user != "admin" && action != "read" {
				return errors.New("only admin may " + action)
			}
			return nil
		}),
	)))

	server := httptest.NewServer(mux) // or http.ListenAndServe("127.0.0.1:8080", mux)
	defer server.Close()
	for _, path := range []string{"/pawl/", "/pawl/api/next?n=1", "/pawl/confirm?do=pause&id=sync"} {
		response, err := http.Get(server.URL + path)
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		fmt.Println(path, response.StatusCode, response.Header.Get("Content-Type"))
	}
	// Output:
	// /pawl/ 200 text/html; charset=utf-8
	// /pawl/api/next?n=1 200 application/json
	// /pawl/confirm?do=pause&id=sync 403 text/html; charset=utf-8
}

// A program without an HTTP server of its own serves the dashboard on this machine.
func ExampleServe() {
	folder, err := os.MkdirTemp("", "pawl")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	s := pawl.NewScheduler(filepath.Join(folder, "jobs.db"), pawl.WithLogger(slog.New(slog.DiscardHandler)))
	r, err := s.Start(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	defer r.Stop(context.Background())

	l, err := net.Listen("tcp", "127.0.0.1:0") // or :8080, with web.WithToken
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- web.Serve(ctx, l, r) }()

	response, err := http.Get("http://" + l.Addr().String() + "/readyz")
	if err != nil {
		log.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	fmt.Print(string(text))

	stop()
	fmt.Println(<-served)
	// Output:
	// ready
	// <nil>
}
