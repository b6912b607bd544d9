#include "tunnel/carrier/proxy_question.h"

namespace culvert::carrier {
namespace {

constexpr std::size_t kMostBody = 1 << 20;

}  // namespace

Result<void> ProxyQuestion::take(const HttpAnswer& answer) {
  CULVERT_RETURN_IF_ERROR(login_->challenged(answer));
  if (login_->wants_ticket() && !login_->goes_on()) {
    wants_new_connection_ = true;
    return fail(ErrorCode::kAuthentication, "the proxy wants to be shown a ticket");
  }
  const auto body = HttpBody::behind(answer);
  if (!body) return fail(body.error());
  if (answer.closes() || body->lasts_until_close()) {
    wants_new_connection_ = true;
    return fail(ErrorCode::kAuthentication, "the proxy ended the connection with its question");
  }
  if (!body->ended()) body_ = *body;
  return {};
}

Result<std::size_t> ProxyQuestion::pass_over(Bytes received) {
  auto taken = body_->skip(received);
  if (!taken) return fail(taken.error());
  body_size_ += *taken;
  if (body_size_ > kMostBody)
    return fail(ErrorCode::kProtocol, "the proxy's page about its login does not end (1 MiB)");
  if (body_->ended()) body_.reset();
  return taken;
}

}  // namespace culvert::carrier
