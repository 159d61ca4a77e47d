# URL FIELD FILE…: a form by Ruby's Net::HTTP; prints the body, then the status.
require "net/http"

url, field, *paths = ARGV
uri = URI(url)
request = Net::HTTP::Post.new(uri)
request.set_form(
  paths.map { |path| [field, File.open(path, "rb"), { filename: File.basename(path) }] },
  "multipart/form-data"
)
answer = Net::HTTP.start(uri.host, uri.port) { |http| http.request(request) }
puts answer.body, answer.code
