//go:build unix

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func init() {
	scriptCommands["listen"] = listen
	scriptCommands["heard"], scriptCommands["unheard"] = heard, unheard
}

type ears struct{ heard chan string } // from the server and the socket; more than any script says

// listen serves an address for webhooks, which answers 503 to the first message, and a
// socket for what a daemon tells its service manager.
func listen(ts *testscript.TestScript, _ bool, _ []string) {
	e := &ears{heard: make(chan string, 1000)}
	busy := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if busy || err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			busy = false
			return
		}
		e.heard <- r.Header.Get("Content-Type") + " " + string(body)
	}))
	folder, err := os.MkdirTemp("", "p") // the path of a socket is short
	ts.Check(err)
	socket, err := net.ListenPacket("unixgram", filepath.Join(folder, "s"))
	ts.Check(err)
	go func() { // ends when the socket is closed
		buffer := make([]byte, 1024)
		for {
			n, _, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			e.heard <- string(buffer[:n])
		}
	}()
	ts.Defer(func() {
		server.Close()
		socket.Close()
		os.RemoveAll(folder)
	})
	ts.Setenv("WEBHOOK", server.URL)
	ts.Setenv("NOTIFY_SOCKET", filepath.Join(folder, "s"))
	listeners[ts] = e
}

// listeners are those of scripts, which run one after another.
var listeners = map[*testscript.TestScript]*ears{}

func heard(ts *testscript.TestScript, _ bool, args []string) {
	hears(ts, regexp.MustCompile(args[0]), nil)
}

// unheard waits as heard does for the second of two things, before which nobody says the
// first.
func unheard(ts *testscript.TestScript, _ bool, args []string) {
	hears(ts, regexp.MustCompile(args[1]), regexp.MustCompile(args[0]))
}

func hears(ts *testscript.TestScript, pattern, unwanted *regexp.Regexp) {
	limit := time.After(time.Minute)
	for {
		select {
		case text := <-listeners[ts].heard:
			ts.Logf("[heard] %s", text)
			if unwanted != nil && unwanted.MatchString(text) {
				ts.Fatalf("somebody said %s", text)
			}
			if pattern.MatchString(text) {
				return
			}
		case <-limit:
			ts.Fatalf("nobody said %s in a minute", pattern)
		}
	}
}
