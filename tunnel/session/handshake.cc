#include "tunnel/session/handshake.h"

#include <cassert>

#include "tunnel/base/byte_codec.h"

namespace culvert::session {
namespace {

// Payload of both messages: u16 length of the hello (or answer), the hello, then frames.
ByteVector make_payload(Bytes head, Bytes frames) {
  ByteVector payload;
  Writer out(payload);
  out.block16(head);
  out.bytes(frames);
  return payload;
}

void append_packet(ByteVector& out, const ByteVector& message) { Writer(out).block16(message); }

// The first packet of `in` behind `skip` octets; empty and taken = 0 when it is not all there.
Result<Bytes> take_packet(Bytes in, std::size_t skip, std::size_t& taken) {
  taken = 0;
  if (in.size() < skip + 2) return Bytes{};
  const std::size_t length = load_be<std::uint16_t>(in.data() + skip);
  if (length == 0) return fail(ErrorCode::kProtocol, "the peer sent an empty handshake message");
  if (in.size() < skip + 2 + length) return Bytes{};
  taken = skip + 2 + length;
  return in.subspan(skip + 2, length);
}

}  // namespace

InitiatorHandshake::InitiatorHandshake(const crypto::KeyPair& self,
                                       const crypto::PublicKey& responder, Random& random)
    : noise_(crypto::NoiseHandshake::initiator(kMagic, self, responder, random)) {}

Result<ByteVector> InitiatorHandshake::start(const control::Hello& hello, Bytes early_frames) {
  assert(early_frames.size() <= kMaxEarlyFrames);
  ByteVector message;
  CULVERT_RETURN_IF_ERROR(
      noise_.write_message(make_payload(control::encode(hello), early_frames), message));
  ByteVector packet(kMagic.begin(), kMagic.end());
  append_packet(packet, message);
  return packet;
}

Result<std::optional<InitiatorHandshake::Outcome>> InitiatorHandshake::receive(Bytes in,
                                                                               std::size_t& taken) {
  const auto packet = take_packet(in, 0, taken);
  if (!packet) return fail(packet.error());
  if (taken == 0) return std::nullopt;
  ByteVector payload;
  CULVERT_RETURN_IF_ERROR(noise_.read_message(*packet, payload));
  Reader reader{payload};
  const auto head = reader.block16();
  if (!reader.done()) return fail(ErrorCode::kProtocol, "the peer's handshake answer is malformed");
  auto answer = control::decode_hello_answer(head);
  if (!answer) return fail(std::move(answer.error()));
  const auto keys = noise_.split();
  return Outcome{std::move(*answer), {keys.initiator_to_responder, keys.responder_to_initiator}};
}

ResponderHandshake::ResponderHandshake(const crypto::KeyPair& self, Random& random)
    : noise_(crypto::NoiseHandshake::responder(kMagic, self, random)) {}

Result<std::optional<ResponderHandshake::Greeting>> ResponderHandshake::receive(
    Bytes in, std::size_t& taken) {
  taken = 0;
  const auto known = std::min(in.size(), kMagic.size());
  if (!std::equal(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(known), kMagic.begin()))
    return fail(ErrorCode::kProtocol,
                "the peer does not speak this version of the Culvert protocol");
  const auto packet = take_packet(in, kMagic.size(), taken);
  if (!packet) return fail(packet.error());
  if (taken == 0) return std::nullopt;
  ByteVector payload;
  CULVERT_RETURN_IF_ERROR(noise_.read_message(*packet, payload));
  Reader reader{payload};
  auto hello = control::decode_hello(reader.block16());
  if (!reader.ok() || reader.rest().size() > kMaxEarlyFrames)
    return fail(ErrorCode::kProtocol, "the peer's handshake is malformed");
  if (!hello) return fail(std::move(hello.error()));
  const auto frames = reader.rest();
  return Greeting{noise_.remote_static(), std::move(*hello), {frames.begin(), frames.end()}};
}

Result<ByteVector> ResponderHandshake::answer(const control::HelloAnswer& answer) {
  ByteVector message;
  CULVERT_RETURN_IF_ERROR(noise_.write_message(make_payload(control::encode(answer), {}), message));
  ByteVector packet;
  append_packet(packet, message);
  return packet;
}

DirectionKeys ResponderHandshake::keys() {
  const auto keys = noise_.split();
  return {keys.responder_to_initiator, keys.initiator_to_responder};
}

}  // namespace culvert::session
