package hdfsufs

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/user"
	"slices"
	"strings"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"

	"github.com/millpond/millpond/ufs/driver"
)

// defaultPort is the NameNode's where nobody says another.
const defaultPort = "8020"

// conf is Hadoop's configuration; nil where there is none.
type conf hadoopconf.HadoopConf

// load reads the configuration that the environment names.
func load() (conf, error) {
	c, err := hadoopconf.LoadFromEnvironment()
	if err != nil {
		return nil, fmt.Errorf("%w: Hadoop's configuration: %w", driver.ErrInvalid, err)
	}
	return conf(c), nil
}

// resolve finds the addresses of the NameNodes, and the authority by its lasting name: with ports, and in one order.
func (c conf) resolve(authority string) (lasting string, namenodes []string, err error) {
	if authority == "" {
		if authority = c.defaultAuthority(); authority == "" {
			return "", nil, fmt.Errorf("%w: no NameNode: neither the URL nor fs.defaultFS in HADOOP_CONF_DIR has one", driver.ErrInvalid)
		}
	}
	if namenodes = c.service(authority); namenodes != nil {
		return authority, namenodes, nil
	}
	if namenodes, err = addresses(authority); err != nil {
		return "", nil, err
	}
	return spelled(namenodes), namenodes, nil
}

// spelled is the one spelling of a list of addresses: a name service's NameNodes are asked in any order.
func spelled(namenodes []string) string {
	list := make([]string, len(namenodes))
	for i, addr := range namenodes {
		list[i] = driver.Authority("hdfs", addr)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ",")
}

// addresses are those of the hosts that authority lists.
func addresses(authority string) (addrs []string, err error) {
	for host := range strings.SplitSeq(authority, ",") {
		addr, err := withPort(host)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

func (c conf) defaultAuthority() string {
	u, err := url.Parse(cmp.Or(c["fs.defaultFS"], c["fs.default.name"]))
	if err != nil || u.Scheme != "hdfs" {
		return ""
	}
	return u.Host
}

// service are the NameNodes of a name service; nil if there is none of that name.
func (c conf) service(name string) (namenodes []string) {
	for id := range strings.SplitSeq(c["dfs.ha.namenodes."+name], ",") {
		if addr := c["dfs.namenode.rpc-address."+name+"."+strings.TrimSpace(id)]; addr != "" {
			namenodes = append(namenodes, addr)
		}
	}
	return namenodes
}

// withPort is the address of a host that may have a port already.
func withPort(host string) (string, error) {
	addr := host
	if _, _, err := net.SplitHostPort(host); err != nil {
		addr = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
	}
	if h, port, err := net.SplitHostPort(addr); err != nil || h == "" || port == "" || strings.ContainsAny(h, "/@?#") {
		return "", fmt.Errorf("%w: NameNode %q; want HOST:PORT", driver.ErrInvalid, host)
	}
	return addr, nil
}

// client are the library's options.
func (c conf) client(o Options, namenodes []string) (clientOptions, error) {
	lib := hdfs.ClientOptionsFromConf(hadoopconf.HadoopConf(c))
	lib.Addresses = namenodes
	kerberos := o.ticket()
	if kerberos == nil && lib.KerberosClient != nil {
		kerberos = (&ticketCache{}).read
	}
	lib.KerberosClient = nil
	lib.KerberosServicePrincipleName, _, _ = strings.Cut(cmp.Or(o.Principal, lib.KerberosServicePrincipleName), "@") // the realm is KRB5_CONFIG's to say
	switch {
	case kerberos == nil:
		lib.User = cmp.Or(o.User, os.Getenv("HADOOP_USER_NAME"), systemUser())
		if lib.User == "" {
			return clientOptions{}, fmt.Errorf("%w: no user: name one in the URL (?user=) or in HADOOP_USER_NAME", driver.ErrInvalid)
		}
	case o.User != "":
		return clientOptions{}, fmt.Errorf("%w: user %q: with Kerberos the ticket says who it is", driver.ErrInvalid, o.User)
	case lib.KerberosServicePrincipleName == "":
		return clientOptions{}, fmt.Errorf("%w: no principal of the NameNodes: name it in dfs.namenode.kerberos.principal or in Options.Principal", driver.ErrInvalid)
	}
	return clientOptions{lib: lib, kerberos: kerberos}, nil
}

func systemUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}
