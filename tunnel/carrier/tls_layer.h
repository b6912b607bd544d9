// tunnel/carrier/tls_layer.h: TLS as a carrier layer, by mbedTLS, which only tls_library.h
// includes.
//
// TLS 1.2 or newer (with the 2.28 of Debian 12: 1.2 only; 1.3 from 3.6), ECDHE with AEAD suites,
// session tickets, no renegotiation. It is there for barriers that want to see TLS. It is NOT what
// protects the session: the session inside authenticates and encrypts by itself, so a client does
// not verify the certificate unless it is given roots, and an intercepting proxy changes nothing
// but what peer() reports.
//
// With 2.28 the library does the handshake only: its records run at 0.25 GB/s, so then the traffic
// keys go to tls_traffic.h and the library's 36 KB per layer are freed. What is left is 2.8 KB,
// besides what is queued here (512 KiB at most). With 3.x the library serves to the end.
//
// mbedTLS reads the system clock for certificate and ticket lifetimes; all else is sans-IO.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "tunnel/base/byte_queue.h"
#include "tunnel/carrier/layer.h"
#include "tunnel/carrier/tls_context.h"
#include "tunnel/carrier/tls_peer.h"
#include "tunnel/carrier/tls_traffic.h"

namespace culvert::carrier {

class TlsLayer final : public Layer {
 public:
  // `server_name`, a name or an IP address, is sent as SNI unless it is an address (RFC 6066
  // section 3), is verified if the context has roots, and selects the remembered session to resume.
  static std::unique_ptr<TlsLayer> client(TlsClientContext& context, std::string server_name);
  static std::unique_ptr<TlsLayer> server(TlsServerContext& context);
  ~TlsLayer() override;

  using Peer = TlsPeer;
  std::optional<Peer> peer() const { return peer_; }  // clients only, once established
  // Where to note the peer, too, once established.
  void tell(std::shared_ptr<std::optional<Peer>> notes) { notes_ = std::move(notes); }
  std::string alpn() const { return alpn_; }  // empty: none agreed
  static const bool kHandsOver;               // so of the library that this was built with
  bool freed_the_library() const { return library_ == nullptr; }

  bool established() const override { return established_; }
  bool stands_alone() const override { return freed_the_library(); }
  bool wants_input() const override;
  Result<void> receive(Bytes wire) override;
  Result<void> receive_into(Bytes wire, MutableBytes& room) override;
  Result<void> receive_end() override;
  Bytes readable() const override { return plain_.peek(); }
  void consumed(std::size_t count) override;
  bool peer_ended() const override { return peer_ended_; }
  Result<std::size_t> write(Bytes data) override;
  Result<void> end_writing() override;
  Bytes pending_output() const override { return output_.peek(); }
  void output_sent(std::size_t count) override;
  bool output_ended() const override { return output_ended_; }
  std::string describe() const override;

 private:
  struct Library;
  explicit TlsLayer(std::unique_ptr<Library> library);
  void begin(int setup_code);
  Result<void> advance();
  Result<void> shake_hands();
  Result<void> establish();
  Result<void> read_records();
  Result<void> close_output();
  template <class Step>
  int step(Step&& next);
  tl::unexpected<Error> stop(Error why);
  static int take_input(void* self, unsigned char* to, std::size_t size);
  static int give_output(void* self, const unsigned char* from, std::size_t size);

  std::unique_ptr<Library> library_;  // null once traffic_ serves
  Bytes input_;                       // what receive() was given and nobody has taken yet
  MutableBytes room_;                 // and where plain text may go past plain_
  ByteQueue plain_;
  ByteQueue output_;
  std::optional<TlsTraffic> traffic_;
  std::optional<Peer> peer_;
  std::shared_ptr<std::optional<Peer>> notes_;
  std::string alpn_;
  std::string negotiated_;  // version and suite
  std::optional<Error> failure_;
  bool saw_input_ = false;
  bool starved_ = false;  // the library has asked for more input than there was
  bool established_ = false;
  bool peer_ended_ = false;
  bool end_requested_ = false;
  bool output_ended_ = false;
};

}  // namespace culvert::carrier
