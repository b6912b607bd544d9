#include "tunnel/carrier/http_connect.h"

namespace culvert::carrier {
namespace {

constexpr int kMostInterim = 8;  // 1xx answers before the real one

ErrorCode code_of(int status) {
  if (status == 504 || status == 408) return ErrorCode::kTimedOut;
  if (status == 502 || status == 503 || status == 404 || status == 410)
    return ErrorCode::kHostUnreachable;
  const bool refuses = status == 401 || status == 403 || status == 429 || status == 451;
  return refuses ? ErrorCode::kNotPermitted : ErrorCode::kProtocol;
}

std::string meaning_of(const HttpAnswer& answer, std::string_view target) {
  switch (answer.status) {
    case 400:
    case 405:
    case 501: return "it is no proxy, or one that does not know CONNECT";
    case 401: return "a web server asks for a password there: it is no proxy";
    case 403:
    case 451:
      if (target.ends_with(":443")) return "its rules forbid CONNECT, or this host";
      return "its rules forbid CONNECT, or this host or port; most let only port 443 pass";
    case 408:
    case 504: return "the service did not answer it in time";
    case 404:
    case 410:
    case 502:
    case 503: return "it does not reach the service";
    case 429: return "it has had too many requests";
    default: break;
  }
  if (answer.status / 100 == 3)
    return "it redirects to '" + printable(answer.first("location")) +
           "': a captive portal wants to be visited with a browser first";
  return "that is no answer to CONNECT";
}

}  // namespace

HttpConnect::HttpConnect(const HostPort& target, std::shared_ptr<ProxyLogin> login)
    : target_(target.to_string()), question_(std::move(login)) {
  ask();
}

void HttpConnect::ask() {
  const auto login = question_.authorization("CONNECT", target_);
  say(as_bytes("CONNECT " + target_ + " HTTP/1.1\r\nHost: " + target_ +
               (login.empty() ? "" : "\r\nProxy-Authorization: " + login) +
               "\r\nProxy-Connection: keep-alive\r\n\r\n"));
}

Result<std::size_t> HttpConnect::converse(Bytes received) {
  answered_ = true;
  if (question_.is_open()) {
    auto passed = question_.pass_over(received);
    if (passed && !question_.is_open() && !question_.waits()) ask();
    return passed;
  }
  std::size_t taken = 0;
  const auto answer = parse_http_answer(received, taken);
  if (!answer) return fail(answer.error());
  if (!*answer) return 0;
  CULVERT_RETURN_IF_ERROR(judge(**answer));
  return taken;
}

Result<void> HttpConnect::judge(const HttpAnswer& answer) {
  if (answer.status == 101 || (answer.status < 200 && ++interim_ > kMostInterim))
    return fail(ErrorCode::kProtocol, "the proxy answered CONNECT only with interim answers (" +
                                          answer.status_line() + ")");
  if (answer.status < 200) return {};
  if (answer.status < 300) {
    finish();
    return {};
  }
  if (answer.status == 407) {
    CULVERT_RETURN_IF_ERROR(question_.take(answer));
    if (!question_.is_open() && !question_.waits()) ask();
    return {};
  }
  return fail(code_of(answer.status), "the proxy answered CONNECT " + target_ + " with " +
                                          answer.status_line() + ": " +
                                          meaning_of(answer, target_));
}

Error HttpConnect::on_end() {
  return {ErrorCode::kReset, answered_
                                 ? "the proxy ended the connection in the middle of its answer"
                                 : "the proxy ended the connection without an answer: it does not "
                                   "know CONNECT, or is no HTTP proxy"};
}

}  // namespace culvert::carrier
