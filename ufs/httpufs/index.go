package httpufs

import (
	"bytes"
	"cmp"
	"html"
	"net/url"
	"slices"
	"strings"

	"github.com/millpond/millpond/ufs/driver"
)

// entry is a link of an index to what lies right below.
type entry struct {
	name string
	dir  bool
}

// titles are how the pages that servers make of directories begin their titles.
var titles = []string{"index of", "directory listing"}

// parseIndex finds the entries of a directory's page, sorted. ok is false for a page that is not one: it has neither such
// a title nor the bare form of Go's http.FileServer, a <pre> with links and no <html>.
func parseIndex(page []byte, dir *url.URL) (entries []entry, skipped int, ok bool) {
	seen := map[string]bool{} // name to whether it is a directory
	titled, pre, whole := false, false, false
	eachTag(page, func(name string, attr func(string) string, text string) {
		switch name {
		case "title", "h1":
			titled = titled || isTitle(text)
		case "pre":
			pre = true
		case "html", "body", "head":
			whole = true
		case "a":
			e, link := linked(attr("href"), dir)
			switch {
			case !link:
			case e.name == "":
				skipped++
			default:
				seen[e.name] = seen[e.name] || e.dir
			}
		}
	})
	for name, d := range seen {
		entries = append(entries, entry{name, d})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return entries, skipped, titled || pre && !whole
}

func isTitle(text string) bool {
	text = strings.ToLower(strings.TrimSpace(html.UnescapeString(text)))
	return slices.ContainsFunc(titles, func(t string) bool { return strings.HasPrefix(text, t) })
}

// linked is the entry that a link of dir's page leads to. link is false for one that leads elsewhere: up, to another order
// of the page, to another server. An entry without a name is one that no key can have.
func linked(href string, dir *url.URL) (e entry, link bool) {
	u, err := dir.Parse(strings.TrimSpace(href))
	if err != nil || href == "" || u.Scheme != dir.Scheme || u.Host != dir.Host || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return entry{}, false
	}
	rest, ok := strings.CutPrefix(u.Path, dir.Path)
	if !ok || rest == "" {
		return entry{}, false
	}
	name, isDir := strings.CutSuffix(rest, "/")
	if name == "" || strings.Contains(name, "/") || !driver.ValidKey(name) {
		return entry{}, true
	}
	return entry{name, isDir}, true
}

// eachTag calls f for each opening tag of a page, its name in lower case, with its attributes and the text up to the
// next tag. Comments, scripts and styles are passed over.
func eachTag(page []byte, f func(name string, attr func(string) string, text string)) {
	for {
		i := bytes.IndexByte(page, '<')
		if i < 0 {
			return
		}
		page = page[i+1:]
		if bytes.HasPrefix(page, []byte("!--")) {
			page = after(page, "-->")
			continue
		}
		name, inside, rest := tag(page)
		page = rest
		if name == "" {
			continue
		}
		text, _, _ := bytes.Cut(rest, []byte{'<'})
		f(name, func(want string) string { return attribute(inside, want) }, string(text))
		if name == "script" || name == "style" {
			page = after(page, "</"+name)
		}
	}
}

// after is what comes after the first end, nothing if there is none.
func after(page []byte, end string) []byte {
	i := bytes.Index(page, []byte(end))
	if i < 0 {
		return nil
	}
	return page[i+len(end):]
}

// tag splits what follows a '<' into the name of an opening tag, what it has inside, and the rest of the page. A '>' in
// quotes does not end it. name is "" for anything else.
func tag(page []byte) (name string, inside, rest []byte) {
	n := 0
	for n < len(page) && (page[n]|0x20 >= 'a' && page[n]|0x20 <= 'z' || n > 0 && page[n] >= '0' && page[n] <= '9') {
		n++
	}
	if n == 0 {
		return "", nil, page
	}
	var quote byte
	for i := n; i < len(page); i++ {
		switch c := page[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case (c == '"' || c == '\'') && page[i-1] == '=':
			quote = c
		case c == '>':
			return strings.ToLower(string(page[:n])), page[n:i], page[i+1:]
		}
	}
	return "", nil, nil
}

// attribute is the value of an attribute, "" if there is none.
func attribute(inside []byte, want string) string {
	s := string(inside)
	for s != "" {
		s = strings.TrimLeft(s, " \t\r\n\f/")
		end := strings.IndexAny(s, "= \t\r\n\f/")
		if end < 0 {
			return ""
		}
		if end == 0 { // a stray '='
			s = s[1:]
			continue
		}
		name := s[:end]
		s = strings.TrimLeft(s[end:], " \t\r\n\f")
		if !strings.HasPrefix(s, "=") {
			continue
		}
		var value string
		value, s = attributeValue(strings.TrimLeft(s[1:], " \t\r\n\f"))
		if strings.EqualFold(name, want) {
			return html.UnescapeString(value)
		}
	}
	return ""
}

func attributeValue(s string) (value, rest string) {
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		value, rest, _ = strings.Cut(s[1:], s[:1])
		return value, rest
	}
	if end := strings.IndexAny(s, " \t\r\n\f"); end >= 0 {
		return s[:end], s[end:]
	}
	return s, ""
}
