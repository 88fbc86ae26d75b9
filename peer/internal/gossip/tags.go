package gossip

import "strconv"

// Tags are what a node tells of itself. All nodes hold all of them: they take 512 bytes at most, as encoded.
type Tags struct {
	Zone, Rack string
	Weight     uint32
	Level      uint32
	Version    string
	Meta       []byte
}

func (t Tags) encode() map[string]string {
	return map[string]string{
		"z": t.Zone,
		"r": t.Rack,
		"w": strconv.FormatUint(uint64(t.Weight), 10),
		"l": strconv.FormatUint(uint64(t.Level), 10),
		"v": t.Version,
		"m": string(t.Meta),
	}
}

// decodeTags takes what a node says; a number that is none is 0.
func decodeTags(m map[string]string) Tags {
	number := func(s string) uint32 {
		n, _ := strconv.ParseUint(s, 10, 32)
		return uint32(n)
	}
	return Tags{Zone: m["z"], Rack: m["r"], Weight: number(m["w"]), Level: number(m["l"]), Version: m["v"], Meta: []byte(m["m"])}
}
