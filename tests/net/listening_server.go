// tests/net/listening_server.go: listening_server.py's "tell", in a program that loads no library:
// listens on the port given and tells each caller the names of both its addresses.
package main

import (
	"fmt"
	"net"
	"os"
	"strings"
)

func nameOf(address net.Addr) string {
	host, _, _ := net.SplitHostPort(address.String())
	names, err := net.LookupAddr(host)
	if err != nil {
		return host
	}
	return strings.TrimSuffix(names[0], ".")
}

func main() {
	listener, err := net.Listen("tcp4", ":"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for {
		caller, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			fmt.Fprintf(caller, "%s %s\n", nameOf(caller.RemoteAddr()), nameOf(caller.LocalAddr()))
			caller.Close()
		}()
	}
}
