// In-process cost of a session pair, without kernel: sealing, framing, credit, copying. For
// profiling (perf record, callgrind), not for comparing machines. Prints GB/s of one core.
#include <chrono>
#include <cstdio>
#include <cstring>

#include "tunnel/session/session.h"

using namespace culvert;
using Clock = std::chrono::steady_clock;

namespace {

TimePoint now() { return TimePoint{Clock::now().time_since_epoch()}; }

void carry(session::Session& from, session::Session& to, MutableBytes buffer) {
  from.fill_output(now());
  const auto pending = from.pending_output();
  if (pending.empty()) return;
  const auto kept = to.restore_partial(buffer);
  const auto count = std::min(pending.size(), buffer.size() - kept);
  std::memcpy(buffer.data() + kept, pending.data(), count);  // stands for the kernel
  (void)to.receive(buffer.first(kept + count), now());
  from.output_sent(count);
}

double gigabytes_per_second(crypto::AeadAlgorithm aead, std::size_t streams, std::uint64_t total) {
  session::Session alice(mux::Role::kInitiator), bob(mux::Role::kResponder);
  (void)alice.attach({{}, aead, {}, {}}, now());
  (void)bob.attach({{}, aead, {}, {}}, now());
  std::vector<mux::StreamId> ids;
  for (std::size_t i = 0; i < streams; ++i) ids.push_back(*alice.streams().open(as_bytes("t")));
  ByteVector data(64 * 1024), buffer(256 * 1024);
  std::uint64_t got = 0;
  carry(bob, alice, buffer);  // what bob says first
  const auto start = Clock::now();
  while (got < total) {
    for (const auto id : ids) alice.streams().write(id, data);
    carry(alice, bob, buffer);
    while (const auto event = bob.streams().next_event()) {
      if (event->kind == mux::Event::Kind::kOpened) bob.streams().accept(event->stream);
      if (event->kind != mux::Event::Kind::kReadable) continue;
      const auto ready = bob.streams().readable(event->stream).size();
      bob.streams().consumed(event->stream, ready);
      got += ready;
    }
    carry(bob, alice, buffer);
    while (alice.streams().next_event()) {
    }
  }
  return static_cast<double>(got) /
         static_cast<double>(std::chrono::nanoseconds(Clock::now() - start).count());
}

}  // namespace

int main() {
  for (const auto aead : crypto::preferred_algorithms())
    for (const std::size_t streams : {std::size_t{1}, std::size_t{100}})
      std::printf("%s, %zu streams: %.2f GB/s\n",
                  aead == crypto::AeadAlgorithm::kAes256Gcm ? "AES-256-GCM" : "ChaCha20-Poly1305",
                  streams, gigabytes_per_second(aead, streams, 2'000'000'000));
}
