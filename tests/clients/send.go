// URL FIELD FILE…: a form by Go's net/http, streamed; prints the body, then the status.
package main

import (
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
)

func write(form *multipart.Writer, field string, paths []string) error {
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		part, err := form.CreateFormFile(field, filepath.Base(path))
		if err == nil {
			_, err = io.Copy(part, file)
		}
		file.Close()
		if err != nil {
			return err
		}
	}
	return form.Close()
}

func main() {
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() { writer.CloseWithError(write(form, os.Args[2], os.Args[3:])) }()
	answer, err := http.Post(os.Args[1], form.FormDataContentType(), reader)
	if err != nil {
		log.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n%d\n", body, answer.StatusCode)
}
