// The resolver of package net, in Go or in the C library as GODEBUG says, then a dial. See __init__.py.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

func try(address, port string, wait time.Duration) string {
	connection, err := net.DialTimeout("tcp", net.JoinHostPort(address, port), wait)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	connection.SetReadDeadline(time.Now().Add(wait))
	if _, err := connection.Read(make([]byte, 256)); err != nil {
		return err.Error()
	}
	return "answered"
}

func main() {
	network := map[string]string{"0": "ip", "4": "ip4", "6": "ip6"}[os.Args[1]]
	milliseconds, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	wait := time.Duration(milliseconds) * time.Millisecond
	for _, name := range os.Args[4:] {
		addresses, err := net.DefaultResolver.LookupIP(context.Background(), network, name)
		if err != nil {
			fmt.Printf("%s\t-\t%s\n", name, err)
		}
		for _, address := range addresses {
			fmt.Printf("%s\t%s\t%s\n", name, address, try(address.String(), os.Args[2], wait))
		}
	}
}
