// A responder's handshake and the record opener on hostile octets.
#include "tunnel/session/handshake.h"
#include "tunnel/session/session.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static SystemRandom random;
  static const auto self = crypto::KeyPair::generate(random);
  const auto input = std::as_bytes(std::span{data, size});
  std::size_t taken = 0;
  session::ResponderHandshake responder(self, random);
  (void)responder.receive(input, taken);
  session::InitiatorHandshake initiator(self, self.public_key, random);
  (void)initiator.start({}, {});
  (void)initiator.receive(input, taken);

  session::Session session(mux::Role::kResponder);
  // The octets also stand for frames of a first message, and for a carrier's after another's.
  (void)session.attach(
      {{}, crypto::AeadAlgorithm::kChaCha20Poly1305, {input.begin(), input.end()}, {}},
      TimePoint{});
  ByteVector buffer(session::kMaxRecord * 2);
  const auto kept = session.restore_partial(buffer);
  const auto count = std::min(size, buffer.size() - kept);
  std::copy_n(input.begin(), count, buffer.begin() + static_cast<std::ptrdiff_t>(kept));
  (void)session.receive(MutableBytes{buffer}.first(kept + count), TimePoint{});
  return 0;
}
