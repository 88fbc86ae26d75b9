package driver

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"strings"
)

// Endpoint is the URL of a service in the one spelling that an Opener's id has: scheme and host in lower case, no port that
// the scheme means anyway, no '/' at the end, no user and no options. What is no URL of a host stays as it is.
func Endpoint(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	scheme := strings.ToLower(u.Scheme)
	at := url.URL{Scheme: scheme, Host: Authority(scheme, u.Host), Path: strings.TrimSuffix(path.Clean("/"+u.Path), "/")}
	return at.String()
}

// Authority is a host, with a port or without, in that spelling. Two names of one machine stay two: a resolver's answer is
// neither lasting nor the same everywhere.
func Authority(scheme, host string) string {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ""
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		name = addr.String()
	}
	name = strings.ToLower(name)
	if port == "" || port == map[string]string{"http": "80", "https": "443"}[scheme] {
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return net.JoinHostPort(name, port)
}

// Overlap reports whether one place contains the other, or is it, by the ids of their Openers.
func Overlap(a, b string) bool {
	for _, x := range ways(a) {
		for _, y := range ways(b) {
			if holds(x, y) || holds(y, x) {
				return true
			}
		}
	}
	return false
}

// holds reports whether place b is a or lies in it.
func holds(a, b string) bool {
	a, b = strings.TrimRight(a, "/"), strings.TrimRight(b, "/")
	return a != "" && b != "" && (a == b || strings.HasPrefix(b, a+"/"))
}

// ways are the ids by which a place could be named: by each of the addresses alone, if it has several.
func ways(id string) []string {
	scheme, rest, _ := strings.Cut(id, "://")
	hosts, dir, _ := strings.Cut(rest, "/")
	list := strings.Split(hosts, ",")
	if len(list) == 1 {
		return []string{id}
	}
	for i, host := range list {
		if _, _, err := net.SplitHostPort(host); err != nil {
			return []string{id} // a bucket with commas in its name
		}
		list[i] = scheme + "://" + host + "/" + dir
	}
	return list
}
