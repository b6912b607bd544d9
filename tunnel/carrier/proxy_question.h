// tunnel/carrier/proxy_question.h: a proxy's question who asks (407), as a request on a connection
// meets it: what ProxyLogin makes of it, and that the page behind it is passed over. The next
// request follows on the same connection, or has to be made on a new one. Sans-IO.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/carrier/http_answer.h"
#include "tunnel/carrier/proxy_login.h"

namespace culvert::carrier {

class ProxyQuestion {
 public:
  explicit ProxyQuestion(std::shared_ptr<ProxyLogin> login) : login_(std::move(login)) {}

  // The value of Proxy-Authorization for the next request; empty: none. A secret.
  std::string authorization(std::string_view method, std::string_view target) {
    return login_->authorization(method, target);
  }
  // A request was answered by it. kAuthentication: there is nothing more to say here.
  Result<void> take(const HttpAnswer& answer);
  bool is_open() const { return body_.has_value(); }  // its page is not over
  // ... and then its answer waits for what the owner of the login has to fetch.
  bool waits() const { return !is_open() && login_->goes_on(); }
  // Gives how much of it was the page. kProtocol: more than 1 MiB.
  Result<std::size_t> pass_over(Bytes received);
  bool wants_new_connection() const { return wants_new_connection_; }

 private:
  std::shared_ptr<ProxyLogin> login_;
  std::optional<HttpBody> body_;
  std::size_t body_size_ = 0;  // so far, of all
  bool wants_new_connection_ = false;
};

}  // namespace culvert::carrier
