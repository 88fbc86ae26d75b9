package ring

// Owners has the owner of each slot.
func Owners(r *Ring) []string {
	ids := make([]string, len(r.owner))
	for s, m := range r.owner {
		ids[s] = r.members[m].ID
	}
	return ids
}

const Slots = slots
