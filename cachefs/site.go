package cachefs

import "cmp"

// site is where a node is, as far as its Config.Mesh says.
type site struct{ zone, rack string }

// spreadOut orders nodes for copies, some of which are on homes already: next comes who is in the zone with the fewest copies, then in
// the rack with the fewest, then who came first. Without sites the order stays.
func spreadOut(list, homes []string, sites map[string]site) []string {
	o := order{at: map[site][]int{}, zones: map[string]int{}, racks: map[site]int{}}
	for i, id := range list {
		o.at[sites[id]] = append(o.at[sites[id]], i)
	}
	if len(o.at) < 2 {
		return list
	}
	for _, id := range homes {
		o.zones[sites[id].zone]++
		o.racks[sites[id]]++
	}
	out := make([]string, 0, len(list))
	for range list {
		out = append(out, list[o.next()])
	}
	return out
}

// order is a spreadOut under way.
type order struct {
	at    map[site][]int // what is left there: numbers in the list
	zones map[string]int // copies
	racks map[site]int
}

// next takes out whose turn it is.
func (o *order) next() int {
	var best site
	first := true
	for p := range o.at {
		if first || o.before(p, best) {
			best, first = p, false
		}
	}
	i := o.at[best][0]
	if o.at[best] = o.at[best][1:]; len(o.at[best]) == 0 {
		delete(o.at, best)
	}
	o.zones[best.zone]++
	o.racks[best]++
	return i
}

func (o *order) before(a, b site) bool {
	return cmp.Or(cmp.Compare(o.zones[a.zone], o.zones[b.zone]), cmp.Compare(o.racks[a], o.racks[b]), cmp.Compare(o.at[a][0], o.at[b][0])) < 0
}
