// Saved state that somebody has altered: refused, or a mux that works with any peer.
#include "tunnel/mux/mux.h"

using culvert::Bytes;
using culvert::mux::Mux;

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  culvert::Reader in(std::as_bytes(std::span{data, size}));
  const auto snapshot = culvert::mux::decode_snapshot(in);
  if (!snapshot) return 0;
  Mux mux(snapshot->role);
  mux.restore(*snapshot);
  std::byte out[4096];
  mux.fill(out, sizeof out);
  drain(mux);
  if (mux.receive(in.rest(), culvert::TimePoint{})) drain(mux);
  mux.fill(out, sizeof out);
  culvert::ByteVector bytes;
  culvert::Writer writer(bytes);
  encode(mux.snapshot(), writer);
  return 0;
}
