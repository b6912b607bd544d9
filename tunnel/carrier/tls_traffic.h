// tunnel/carrier/tls_traffic.h: TLS 1.2 behind its handshake: application data, alerts, and what a
// peer must not send any more. Sans-IO; knows no library and not how the keys came about.
//
// Why not mbedTLS for this, too: its records run at 0.25 GB/s and hold 37 KB per connection; these
// run at the speed of crypto/aead.h and hold 2.2 KB (measured, Zen 4).
#pragma once
#include "tunnel/base/byte_queue.h"
#include "tunnel/base/result.h"
#include "tunnel/carrier/tls_records.h"

namespace culvert::carrier {

inline constexpr std::size_t kTlsOutputLimit = 128 * 1024;

class TlsTraffic {
 public:
  enum class Role : std::uint8_t { kClient, kServer };
  struct Start {
    Role role;
    TlsRecordKey sending, receiving;
    std::size_t max_text;  // of a record we send: the peer may have asked for small ones (RFC 6066)
  };

  // Both queues must outlive this: `plain` gets what can be read, `output` what is to be sent.
  TlsTraffic(Start start, ByteQueue& plain, ByteQueue& output);

  // As Layer::receive_into(). An error has sent its alert already; nothing may be called after one.
  Result<void> receive(Bytes wire, MutableBytes& room);
  bool peer_ended() const { return peer_ended_; }

  Result<std::size_t> write(Bytes data);  // takes 0 octets while the output is long
  void close();                           // once; write() may not follow

 private:
  Result<void> complete_partial(Bytes& wire, MutableBytes& room);
  Result<void> take_record(const TlsRecordKey::Header& header, Bytes record, MutableBytes& room);
  Result<void> take_control(TlsContent type, Bytes text);
  Result<void> take_alert(Bytes text);
  Result<void> take_handshake(Bytes text);
  void send_alert(TlsAlertLevel level, TlsAlert alert);
  tl::unexpected<Error> refuse(TlsAlert alert, const std::string& why);
  tl::unexpected<Error> refuse_header(TlsAlert alert);

  Role role_;
  TlsRecordKey sending_, receiving_;
  std::size_t max_text_;
  ByteQueue& plain_;
  ByteQueue& output_;
  ByteQueue partial_;  // the beginning of a record whose end has not come yet
  int without_data_ = 0;
  bool peer_ended_ = false;
  bool closed_ = false;
};

}  // namespace culvert::carrier
