// Frames of a hostile peer against a mux with live streams, in both roles.
#include "tunnel/mux/mux.h"

using culvert::Bytes;
using culvert::mux::Mux;
using culvert::mux::Role;

namespace {

void drain(Mux& mux) {
  while (const auto event = mux.next_event()) {
    using Kind = culvert::mux::Event::Kind;
    if (event->kind == Kind::kOpened) mux.accept(event->stream);
    if (event->kind == Kind::kReadable && mux.knows(event->stream)) {
      mux.consumed(event->stream, mux.readable(event->stream).size());
      if (mux.knows(event->stream) && mux.at_end(event->stream)) mux.end_taken(event->stream);
    }
  }
}

// Where what one peer has brought about cannot be restored, the next process takes over nobody's.
void must_be_kept(const Mux& mux) {
  culvert::ByteVector bytes;
  culvert::Writer out(bytes);
  encode(mux.snapshot(), out);
  culvert::Reader in(bytes);
  if (!culvert::mux::decode_snapshot(in) || !in.done()) __builtin_trap();
}

void run(Role role, Bytes input) {
  Mux mux(role, {.streams = 8, .unaccepted = 4});
  const auto own = *mux.open(culvert::as_bytes("target"));
  mux.write(own, culvert::ByteVector(100));
  std::byte out[4096];
  bool lane = false;
  // Records of up to 255 octets, each followed by what the owner and the carrier would do.
  while (!input.empty()) {
    const auto length =
        std::min<std::size_t>(std::to_integer<std::size_t>(input[0]), input.size() - 1);
    const auto record = input.subspan(1, length);
    const bool by_lane = lane && length % 4 == 1;
    constexpr culvert::TimePoint kNow{std::chrono::seconds{100}};
    if (!(by_lane ? mux.receive_from_lane(record, kNow) : mux.receive(record, kNow))) return;
    input = input.subspan(1 + length);
    if (length % 2 == 0) drain(mux);
    if (length % 5 == 0) mux.datagrams_taken();
    if (length % 13 == 0) mux.send_datagram(own, culvert::ByteVector(length * 300), {});
    if (length % 3 == 0) mux.fill(out, sizeof out);
    if (length % 7 == 0) mux.restart_output();  // the carrier was lost
    if (length % 11 == 0) mux.ping(length);
    if (length % 16 == 5) mux.open_lane(), lane = true;
    if (length % 32 == 7) mux.close_lane(), lane = false;
    if (lane && mux.knows(own)) mux.write(own, culvert::ByteVector(length));
    if (lane && length % 3 == 1) mux.fill_lane(out, sizeof out);
  }
  drain(mux);
  must_be_kept(mux);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  run(Role::kInitiator, input);
  run(Role::kResponder, input);
  return 0;
}
