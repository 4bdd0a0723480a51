package rules

import (
	"fmt"
	"net/netip"
)

// A network is a set of addresses.
type network struct {
	source string
	netip.Prefix
}

// MarshalText writes the network as it was written.
func (n *network) MarshalText() ([]byte, error) { return []byte(n.source), nil }

func compileNetwork(argument int, literal string) (any, error) {
	if argument == 0 {
		_, err := parseAddress(literal)
		return nil, err
	}
	prefix, err := parsePrefix(literal)
	if err != nil {
		return nil, fmt.Errorf("%s is neither an address nor a network; write 10.0.0.1, 10.0.0.0/8 or fd00::/8", describe(literal))
	}
	return &network{literal, prefix}, nil
}

func parseAddress(s string) (netip.Addr, error) {
	address, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%s is no IP address", describe(s))
	}
	return address.Unmap().WithZone(""), nil
}

// parsePrefix reads a network, or an address, which means just itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if address, err := parseAddress(s); err == nil {
		return address.Prefix(address.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 { // ::ffff:10.0.0.0/104 is how some write 10.0.0.0/8
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

func callIPIn(params ...any) (any, error) {
	address, err := parseAddress(params[1].(string))
	if err != nil {
		return nil, err
	}
	return inNetworks(params[0].(*meter), address, params[2:])
}

// inNetworks also takes lists of networks.
func inNetworks(m *meter, address netip.Addr, networks []any) (bool, error) {
	for _, argument := range networks {
		if err := m.take(1); err != nil {
			return false, err
		}
		if list, ok := argument.([]any); ok {
			if found, err := inNetworks(m, address, list); found || err != nil {
				return found, err
			}
			continue
		}
		if list, ok := argument.([]string); ok { // what split gives
			for _, one := range list {
				if found, err := inNetworks(m, address, []any{one}); found || err != nil {
					return found, err
				}
			}
			continue
		}
		n, ok := argument.(*network)
		if !ok {
			source, ok := argument.(string)
			if !ok {
				return false, fmt.Errorf("ip_in needs networks, and one is %s", describe(argument))
			}
			compiled, err := compileNetwork(1, source)
			if err != nil {
				return false, err
			}
			n = compiled.(*network)
		}
		if n.Contains(address) {
			return true, nil
		}
	}
	return false, nil
}
