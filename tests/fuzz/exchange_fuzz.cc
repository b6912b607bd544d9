#include <cstdlib>

#include "tunnel/exchange/http_body.h"
#include "tunnel/exchange/message.h"
#include "tunnel/exchange/receiver.h"
#include "tunnel/exchange/server_connection.h"

// What a middlebox or a stranger sends: heads, bodies and pieces give a verdict, the same however
// they are cut, and never more content than came.
namespace {

using namespace culvert;
using namespace culvert::exchange;

std::size_t content_of(BodyReader body, Bytes input, std::size_t piece) {
  std::size_t content = 0;
  while (!input.empty() && !body.complete()) {
    const auto step = body.step(input.first(std::min(piece, input.size())));
    if (!step) return SIZE_MAX;
    if (step->taken == 0) std::abort();
    if (step->content.size() > step->taken) std::abort();
    content += step->content.size();
    input = input.subspan(step->taken);
  }
  return content;
}

class Nobody final : public Directory {
  Found find(const ExchangeTarget&) override { return {}; }
};
class Deaf final : public ServerConnection::Listener {
  void on_output() override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  (void)looks_like_exchange(input);
  if (const auto head = read_response_head(input); head && *head) {
    if ((*head)->size > size || (*head)->size > kMaxHttpHead) std::abort();
    const auto rest = input.subspan((*head)->size);
    const BodyReader body((*head)->body);
    if (content_of(body, rest, SIZE_MAX) != content_of(body, rest, 1)) std::abort();
  }
  if (const auto piece = decode_piece(input);
      piece && std::holds_alternative<exchange::Data>(*piece)) {
    const auto& taken = std::get<exchange::Data>(*piece);
    if (taken.octets.size() > kMaxPieceData) std::abort();
    Receiver receiver;
    if (receiver.take(taken) && receiver.received() > receiver.credit() + 1) std::abort();
  }
  if (const auto request = decode_request(input);
      request && decode_request(encode(*request)) != *request)
    std::abort();
  Nobody nobody;
  Deaf deaf;
  SystemRandom random;
  ServerConnection connection(nobody, random, deaf);
  connection.receive(input, TimePoint{});
  if (!connection.pending_output().empty() &&
      !as_text(connection.pending_output()).starts_with("HTTP/1.1 4"))
    std::abort();
  return 0;
}
