#include "tunnel/carrier/tls_traffic.h"

#include <algorithm>
#include <cassert>

#include "tunnel/base/byte_codec.h"

namespace culvert::carrier {
namespace {

// Records in a row that carry nothing cost work and bring none: OpenSSL allows as many.
constexpr int kMaxWithoutData = 32;

constexpr std::byte kHelloRequest{0}, kClientHello{1};

}  // namespace

TlsTraffic::TlsTraffic(Start start, ByteQueue& plain, ByteQueue& output)
    : role_(start.role),
      sending_(std::move(start.sending)),
      receiving_(std::move(start.receiving)),
      max_text_(std::min(start.max_text, kMaxTlsText)),
      plain_(plain),
      output_(output) {
  assert(max_text_ != 0);
}

Result<void> TlsTraffic::receive(Bytes wire, MutableBytes& room) {
  if (!partial_.empty()) CULVERT_RETURN_IF_ERROR(complete_partial(wire, room));
  while (!wire.empty() && !peer_ended_) {
    const auto header = receiving_.examine(wire);
    if (!header) return refuse_header(header.error());
    if (!*header || wire.size() < (*header)->record_size) {
      if (*header) partial_.prepare((*header)->record_size);
      partial_.append(wire);
      break;
    }
    const auto record = wire.first((*header)->record_size);
    wire = wire.subspan(record.size());
    CULVERT_RETURN_IF_ERROR(take_record(**header, record, room));
  }
  plain_.release_if_empty();
  return {};
}

Result<void> TlsTraffic::complete_partial(Bytes& wire, MutableBytes& room) {
  const auto fill_up_to = [&](std::size_t size) {
    if (partial_.size() < size) {
      const auto more = wire.first(std::min(size - partial_.size(), wire.size()));
      partial_.append(more);
      wire = wire.subspan(more.size());
    }
    return partial_.size() >= size;
  };
  if (!fill_up_to(kTlsHeaderSize)) return {};
  const auto header = receiving_.examine(partial_.peek());
  if (!header) return refuse_header(header.error());
  if (!fill_up_to((*header)->record_size)) return {};
  CULVERT_RETURN_IF_ERROR(take_record(**header, partial_.peek(), room));
  partial_.pop(partial_.size());
  partial_.release_if_empty();
  return {};
}

Result<void> TlsTraffic::take_record(const TlsRecordKey::Header& header, Bytes record,
                                     MutableBytes& room) {
  const auto size = header.text_size;
  const bool direct = plain_.empty() && room.size() >= size;
  const auto text = direct ? room.first(size) : plain_.prepare(size).first(size);
  if (!receiving_.open(record, text))
    return refuse(TlsAlert::kBadRecordMac, "a record was altered, repeated or lost on the way");
  if (header.type != TlsContent::kApplicationData || size == 0) {
    if (++without_data_ > kMaxWithoutData)
      return refuse(TlsAlert::kUnexpectedMessage, "too many records without data");
    return header.type == TlsContent::kApplicationData ? Result<void>{}
                                                       : take_control(header.type, text);
  }
  without_data_ = 0;
  if (direct)
    room = room.subspan(size);
  else
    plain_.commit(size);
  return {};
}

Result<void> TlsTraffic::take_control(TlsContent type, Bytes text) {
  switch (type) {
    case TlsContent::kAlert: return take_alert(text);
    case TlsContent::kHandshake: return take_handshake(text);
    case TlsContent::kChangeCipherSpec:
    case TlsContent::kApplicationData: break;
  }
  return refuse(TlsAlert::kUnexpectedMessage, "the peer wants to change keys after the handshake");
}

Result<void> TlsTraffic::take_alert(Bytes text) {
  if (text.size() != 2) return refuse(TlsAlert::kDecodeError, "the peer sent a malformed alert");
  const auto alert = std::to_integer<std::uint8_t>(text[1]);
  if (TlsAlert{alert} == TlsAlert::kCloseNotify) {
    peer_ended_ = true;
    return {};
  }
  if (text[0] == static_cast<std::byte>(TlsAlertLevel::kWarning)) return {};
  return fail(ErrorCode::kProtocol,
              "TLS connection failed: the peer sent the fatal alert " + describe(alert));
}

// A peer may ask for a renegotiation; that it is declined is no error (RFC 5246 section 7.2.2).
Result<void> TlsTraffic::take_handshake(Bytes text) {
  const auto wanted = role_ == Role::kClient ? kHelloRequest : kClientHello;
  const bool whole =
      text.size() >= 4 && (load_be<std::uint32_t>(text.data()) & 0xffffff) == text.size() - 4;
  if (!whole || text[0] != wanted)
    return refuse(TlsAlert::kUnexpectedMessage, "the peer sent a handshake message out of place");
  send_alert(TlsAlertLevel::kWarning, TlsAlert::kNoRenegotiation);
  return {};
}

Result<std::size_t> TlsTraffic::write(Bytes data) {
  assert(!closed_);
  if (data.empty() || output_.size() >= kTlsOutputLimit) return std::size_t{0};
  // Room for all of it at once; no more than one record goes beyond the limit.
  const auto records = (data.size() + max_text_ - 1) / max_text_;
  output_.prepare(std::min(data.size() + records * sending_.record_size(0),
                           kTlsOutputLimit - output_.size() + sending_.record_size(max_text_)));
  std::size_t taken = 0;
  while (taken < data.size() && output_.size() < kTlsOutputLimit) {
    if (sending_.exhausted()) {
      if (taken != 0) break;
      send_alert(TlsAlertLevel::kFatal, TlsAlert::kInternalError);
      return fail(ErrorCode::kExhausted, "TLS connection failed: its record numbers are used up");
    }
    const auto text = data.subspan(taken, std::min(max_text_, data.size() - taken));
    const auto size = sending_.record_size(text.size());
    sending_.seal(TlsContent::kApplicationData, text, output_.prepare(size).first(size));
    output_.commit(size);
    taken += text.size();
  }
  return taken;
}

void TlsTraffic::close() {
  send_alert(TlsAlertLevel::kWarning, TlsAlert::kCloseNotify);
  closed_ = true;
}

// After close_notify nothing may be sent, alerts neither.
void TlsTraffic::send_alert(TlsAlertLevel level, TlsAlert alert) {
  if (closed_ || sending_.has_ended()) return;
  const std::array text{static_cast<std::byte>(level), static_cast<std::byte>(alert)};
  const auto size = sending_.record_size(text.size());
  sending_.seal(TlsContent::kAlert, text, output_.prepare(size).first(size));
  output_.commit(size);
}

tl::unexpected<Error> TlsTraffic::refuse(TlsAlert alert, const std::string& why) {
  plain_.release_if_empty();
  send_alert(TlsAlertLevel::kFatal, alert);
  return fail(ErrorCode::kProtocol, "TLS connection failed: " + why);
}

tl::unexpected<Error> TlsTraffic::refuse_header(TlsAlert alert) {
  switch (alert) {
    case TlsAlert::kRecordOverflow: return refuse(alert, "the peer sent a record that is too long");
    case TlsAlert::kBadRecordMac: return refuse(alert, "the peer sent a record that is too short");
    case TlsAlert::kProtocolVersion:
      return refuse(alert, "the peer sent a record of another TLS version");
    case TlsAlert::kUnexpectedMessage:
    case TlsAlert::kCloseNotify:
    case TlsAlert::kDecodeError:
    case TlsAlert::kInternalError:
    case TlsAlert::kNoRenegotiation: break;
  }
  return refuse(alert, "what came is not a TLS record");
}

}  // namespace culvert::carrier
