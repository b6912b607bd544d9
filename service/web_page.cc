#include "service/web_page.h"

namespace culvert::service {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 414: return "URI Too Long";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

std::string page(std::string_view title, std::string_view text) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
         std::string(title) + "</title></head><body><h1>" + std::string(title) + "</h1><p>" +
         std::string(text) + "</p></body></html>\n";
}

}  // namespace

std::string web_answer(const HttpRequest& request) {
  const bool home = request.target == "/" || request.target.starts_with("/?");
  const int status = request.status == 200 && !home ? 404 : request.status;
  const auto title = std::to_string(status) + " " + std::string(reason(status));
  const auto body = status == 200 ? page("It works", "There is nothing else to see here.")
                                  : page(title, "The server cannot answer this request.");
  return "HTTP/1.1 " + title + "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nCache-Control: no-store\r\n" +
         "X-Content-Type-Options: nosniff\r\n" + (status == 405 ? "Allow: GET, HEAD\r\n" : "") +
         "Connection: close\r\n\r\n" + (request.head ? std::string{} : body);
}

}  // namespace culvert::service
