//go:build unix

package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

func init() {
	scriptCommands["fetch"] = fetch
	scriptCommands["press"] = press
}

// dashboardOf is the address that the daemon has logged.
func dashboardOf(ts *testscript.TestScript) string {
	text, err := os.ReadFile(ts.MkAbs("log"))
	ts.Check(err)
	found := regexp.MustCompile(`"url":"(http[^"]*)"`).FindAllSubmatch(text, -1)
	if found == nil {
		ts.Fatalf("the daemon has logged no dashboard")
	}
	return string(found[len(found)-1][1])
}

// fetch PATH PATTERN reads a page of the dashboard, with $TOKEN if there is one, whose
// status and text must match.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch path pattern")
	}
	request, err := http.NewRequest(http.MethodGet, dashboardOf(ts)+args[0], nil)
	ts.Check(err)
	if token := ts.Getenv("TOKEN"); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answered(ts, request, args[1])
}

// press VERB FLOW presses a button and confirms, as a form without scripts does.
func press(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: press verb flow")
	}
	at := dashboardOf(ts)
	response, err := http.PostForm(at+"act", url.Values{"do": {args[0]}, "id": {args[1]}})
	ts.Check(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK { // it has followed the way back
		text, _ := io.ReadAll(response.Body)
		ts.Fatalf("%s: %s", response.Status, text)
	}
}

func answered(ts *testscript.TestScript, request *http.Request, pattern string) {
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	ts.Check(err)
	if got := strconv.Itoa(response.StatusCode) + " " + string(text); !regexp.MustCompile(pattern).MatchString(got) {
		ts.Fatalf("%s answers %s", request.URL, got)
	}
}
