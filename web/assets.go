package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"path/filepath"
	"time"
)

//go:embed assets
var assets embed.FS

//go:embed templates
var templates embed.FS

var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// edition names the files as they are, so that browsers keep them until they change.
var edition = func() string {
	h := sha256.New()
	for _, name := range []string{"style.css", "live.js", "pawl.svg"} {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}()

func serveAsset(w http.ResponseWriter, r *http.Request, name string) error {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return refuse(http.StatusNotFound, "There is no such file.")
	}
	w.Header().Set("Content-Type", types[filepath.Ext(name)])
	if r.URL.Query().Get("v") == edition {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
	return nil
}

// parsePages reads the templates: each page with the frame around it and what they
// share.
func parsePages() map[string]*template.Template {
	shared := template.Must(template.New("").Funcs(functions).ParseFS(templates, "templates/frame.html", "templates/parts.html"))
	pages := map[string]*template.Template{}
	for _, name := range []string{"flows", "flow", "run", "day", "confirm", "fail"} {
		pages[name] = template.Must(template.Must(shared.Clone()).ParseFS(templates, "templates/"+name+".html"))
	}
	return pages
}
