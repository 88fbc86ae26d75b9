package cachefs

import (
	"cmp"
	"fmt"
	"time"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/driver"
)

// BackupConfig says where the namespace is kept while no node lives. All nodes of a mesh have the same. The last one's Shutdown makes a
// backup, so its context, or Config.CloseTimeout, has to leave time for one: 120 bytes for each file, measured with names of 60. A node
// that ends while it sees no primary, being cut off or the last of too few, makes none, and its Shutdown says so by ErrNoPrimary: others may
// have gone on, and then theirs is the last one.
type BackupConfig struct {
	URL   string     // the place: that of a mount, or another; not needed with Store
	Store *ufs.Store // an opened store instead; the caller closes it after the node. Default: opened from URL
	// Path is the directory of the backups in that place. In a mount it shows as what it is. Default: ".millpond".
	Path string
	// Interval is how often the primary makes a backup, if there were changes. One that takes long has the next wait ten times as long,
	// so that backups never take more than a tenth of the time. Default: 1 minute.
	Interval time.Duration
}

const (
	defaultBackupPath     = ".millpond"
	defaultBackupInterval = time.Minute
)

// completeBackup fills in the defaults, in a copy.
func (c *Config) completeBackup() {
	if c.Backup == nil {
		return
	}
	b := *c.Backup
	b.Path = orDefault(b.Path, defaultBackupPath)
	b.Interval = orDefault(b.Interval, defaultBackupInterval)
	c.Backup = &b
}

// checkBackup returns what is wrong with Backup.
func (c *Config) checkBackup() (bad []error) {
	b := c.Backup
	if b == nil {
		return nil
	}
	switch {
	case b.URL == "" && b.Store == nil:
		bad = append(bad, wrong("Backup.URL", `""`, "the URL of an under store, or an opened one in Store"))
	case b.Store == nil:
		if err := ufs.CheckURL(b.URL); err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", "Config.Backup.URL", err))
		}
	}
	if !driver.ValidKey(b.Path) {
		bad = append(bad, wrong("Backup.Path", fmt.Sprintf("%q", b.Path), `a directory below the place, such as "backups/etl"`))
	}
	if b.Interval < 0 {
		bad = append(bad, wrong("Backup.Interval", b.Interval, fmt.Sprintf("0 (the default, %v) or more", defaultBackupInterval)))
	}
	if c.Journal.Restore != nil || c.Journal.Last != nil {
		bad = append(bad, wrong("Journal.Restore or Last", "set", "neither beside Config.Backup, which sets them"))
	}
	return bad
}

// place names the place for who reads an error.
func (b *BackupConfig) place() string {
	m := MountConfig{URL: b.URL, Store: b.Store}
	return cmp.Or(m.place(), b.URL) + "/" + b.Path
}
