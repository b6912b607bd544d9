// A Go program, static or not: it resolves names and connects without libc.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

func kind(err error) string {
	var dns *net.DNSError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "no route"
	}
	return err.Error()
}

func main() {
	host := os.Args[1]
	_, err := net.DialTimeout("tcp", net.JoinHostPort(host, "81"), 20*time.Second)
	fmt.Println("closed port:", kind(err))
	_, err = net.Dial("tcp", "nobody.site-b.example.net:80")
	fmt.Println("unknown name:", kind(err))
	var group sync.WaitGroup
	results := make([]string, 20)
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			answer, err := http.Get("http://" + host + "/")
			if err != nil {
				results[i] = kind(err)
				return
			}
			body, _ := io.ReadAll(answer.Body)
			results[i] = fmt.Sprint(answer.Status, " ", string(body))
		}(i)
	}
	group.Wait()
	for _, result := range results {
		fmt.Println(result)
	}
}
