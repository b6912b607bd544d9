#include "tunnel/mux/frame.h"

#include <cassert>
#include <cstring>

#include "tunnel/base/byte_codec.h"
#include "tunnel/base/overloaded.h"

namespace culvert::mux {
namespace {

// DO NOT CHANGE THE VALUES: they are the wire (PROTOCOL.md section 5).
enum class Type : std::uint8_t {
  kOpen = 1,
  kData = 2,
  kWindow = 3,
  kReset = 4,
  kPing = 5,
  kPong = 6,
  kDatagram = 7,
};
constexpr std::uint8_t kFlagLast = 1, kFlagAccepted = 1;

tl::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kProtocol, "the peer sent a malformed frame: " + std::string(what));
}

void write_header(std::byte* at, Type type, std::uint8_t flags, std::size_t length, StreamId stream,
                  std::uint64_t offset) {
  assert(length <= kMaxPayload);
  at[0] = static_cast<std::byte>(type);
  at[1] = static_cast<std::byte>(flags);
  store_be(at + 2, static_cast<std::uint16_t>(length));
  store_be(at + 4, static_cast<std::uint32_t>(stream));
  store_be(at + 8, offset);
}

void append_whole(ByteVector& out, Type type, std::uint8_t flags, StreamId stream,
                  std::uint64_t offset, Bytes payload = {}) {
  const auto at = out.size();
  out.resize(at + kHeaderSize);
  write_header(out.data() + at, type, flags, payload.size(), stream, offset);
  append(out, payload);
}

std::uint64_t place_of(const Datagram& datagram) {
  return std::uint64_t{datagram.number} << 32 | std::uint64_t{datagram.begin} << 16 | datagram.size;
}

}  // namespace

Result<std::optional<Frame>> take_frame(Bytes& in) {
  if (in.empty()) return std::nullopt;
  if (in.size() < kHeaderSize) return bad("header cut off");
  const auto type = static_cast<Type>(in[0]);
  const auto flags = std::to_integer<std::uint8_t>(in[1]);
  const std::size_t length = load_be<std::uint16_t>(&in[2]);
  const StreamId stream{load_be<std::uint32_t>(&in[4])};
  const auto offset = load_be<std::uint64_t>(&in[8]);
  if (length > kMaxPayload) return bad("payload over 16384 octets");
  if (in.size() - kHeaderSize < length) return bad("payload cut off");
  if (flags > 1) return bad("unknown flags");
  const auto payload = in.subspan(kHeaderSize, length);
  in = in.subspan(kHeaderSize + length);

  switch (type) {
    case Type::kOpen:
      if (length > kMaxTarget || offset > kMaxOffset || flags != 0) return bad("OPEN");
      return Open{stream, offset, payload};
    case Type::kData:
      if (offset > kMaxOffset) return bad("DATA beyond the last offset");
      return Data{stream, offset, flags == kFlagLast, payload};
    case Type::kWindow: {
      if (length != 8) return bad("WINDOW length");
      const auto received = load_be<std::uint64_t>(payload.data());
      if (offset > kMaxOffset || received > kMaxOffset) return bad("WINDOW offsets");
      return Window{stream, offset, received, flags == kFlagAccepted};
    }
    case Type::kReset:
      if (length > kMaxReason || flags != 0 || offset > 255 ||
          !is_wire_error(static_cast<std::uint8_t>(offset)))
        return bad("RESET");
      return Reset{stream, static_cast<ErrorCode>(offset), as_text(payload)};
    case Type::kPing:
      if (length != 0 || flags != 0 || stream != kControlStream) return bad("PING");
      return Ping{offset};
    case Type::kPong:
      if (length != 0 || flags != 0 || stream != kControlStream) return bad("PONG");
      return Pong{offset};
    case Type::kDatagram: {
      const Datagram datagram{stream, static_cast<std::uint32_t>(offset >> 32),
                              static_cast<std::uint16_t>(offset >> 16),
                              static_cast<std::uint16_t>(offset), payload};
      const bool empty_piece = length == 0 && datagram.size != 0;
      if (flags != 0 || stream == kControlStream || datagram.size > kMaxDatagram || empty_piece ||
          datagram.begin + length > datagram.size)
        return bad("DATAGRAM");
      return datagram;
    }
  }
  return bad("unknown type");
}

void append_frame(ByteVector& out, const Frame& frame) {
  std::visit(
      overloaded{
          [&](const Open& f) { append_whole(out, Type::kOpen, 0, f.stream, f.limit, f.target); },
          [&](const Data& f) {
            append_whole(out, Type::kData, f.last ? kFlagLast : 0, f.stream, f.offset, f.payload);
          },
          [&](const Window& f) {
            std::byte received[8];
            store_be(received, f.received);
            append_whole(out, Type::kWindow, f.accepted ? kFlagAccepted : 0, f.stream, f.limit,
                         received);
          },
          [&](const Reset& f) {
            append_whole(out, Type::kReset, 0, f.stream, static_cast<std::uint8_t>(f.code),
                         as_bytes(f.reason.substr(0, kMaxReason)));
          },
          [&](const Ping& f) { append_whole(out, Type::kPing, 0, kControlStream, f.value); },
          [&](const Pong& f) { append_whole(out, Type::kPong, 0, kControlStream, f.value); },
          [&](const Datagram& f) {
            append_whole(out, Type::kDatagram, 0, f.stream, place_of(f), f.payload);
          },
      },
      frame);
}

std::size_t write_frame(std::byte* at, const Frame& frame) {
  static thread_local ByteVector bytes;  // so that a frame costs no allocation
  bytes.clear();
  append_frame(bytes, frame);
  std::memcpy(at, bytes.data(), bytes.size());
  return bytes.size();
}

std::size_t frame_size(const Frame& frame) {
  return kHeaderSize +
         std::visit(overloaded{
                        [](const Open& f) { return f.target.size(); },
                        [](const Data& f) { return f.payload.size(); },
                        [](const Window&) { return std::size_t{8}; },
                        [](const Reset& f) { return std::min(f.reason.size(), kMaxReason); },
                        [](const Ping&) { return std::size_t{0}; },
                        [](const Pong&) { return std::size_t{0}; },
                        [](const Datagram& f) { return f.payload.size(); },
                    },
                    frame);
}

void write_data_header(std::byte* at, StreamId stream, std::uint64_t offset, std::size_t length,
                       bool last) {
  write_header(at, Type::kData, last ? kFlagLast : 0, length, stream, offset);
}

void write_datagram_header(std::byte* at, const Datagram& datagram, std::size_t length) {
  write_header(at, Type::kDatagram, 0, length, datagram.stream, place_of(datagram));
}

}  // namespace culvert::mux
