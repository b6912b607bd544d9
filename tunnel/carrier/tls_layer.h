// tunnel/carrier/tls_layer.h: TLS as a carrier layer, by mbedTLS, which only tls_library.h
// includes.
//
// TLS 1.2 or newer (with the 2.28 of Debian 12: 1.2 only; 1.3 from 3.6), ECDHE with AEAD suites,
// session tickets, no renegotiation. It is there for barriers that want to see TLS. It is NOT what
// protects the session: the session inside authenticates and encrypts by itself, so a client does
// not verify the certificate unless it is given roots, and an intercepting proxy changes nothing
// but what peer() reports. Bulk speed is that of mbedTLS 2.28: 0.25 GB/s (measured).
//
// mbedTLS reads the system clock for certificate and ticket lifetimes; all else is sans-IO.
// Memory: about 36 KB per layer in the library, plus what is queued here (256 KiB at most).
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "tunnel/base/byte_queue.h"
#include "tunnel/carrier/layer.h"
#include "tunnel/carrier/tls_context.h"

namespace culvert::carrier {

class TlsLayer final : public Layer {
 public:
  // `server_name` is sent as SNI unless it is an IP address (RFC 6066 section 3), is verified if
  // the context has roots, and selects the remembered session to resume.
  static std::unique_ptr<TlsLayer> client(TlsClientContext& context, std::string server_name);
  static std::unique_ptr<TlsLayer> server(TlsServerContext& context);
  ~TlsLayer() override;

  // The certificate the server showed, for telling an intercepting proxy from the service.
  struct Peer {
    std::string fingerprint;  // SHA-256 of the certificate, hexadecimal
    std::string subject;
    std::string issuer;
  };
  std::optional<Peer> peer() const;  // clients only, once established
  std::string alpn() const;          // empty: none agreed

  bool established() const override { return established_; }
  bool wants_input() const override;
  Result<void> receive(Bytes wire) override;
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
  TlsLayer();
  void begin(int setup_code);
  Result<void> advance();
  Result<void> shake_hands();
  Result<void> read_records();
  Result<void> close_output();
  template <class Step>
  int step(Step&& next);
  tl::unexpected<Error> stop(ErrorCode code, std::string detail);
  static int take_input(void* self, unsigned char* to, std::size_t size);
  static int give_output(void* self, const unsigned char* from, std::size_t size);

  std::unique_ptr<Library> library_;
  Bytes input_;  // what receive() was given and the library has not taken yet
  ByteQueue plain_;
  ByteQueue output_;
  std::optional<Error> failure_;
  bool saw_input_ = false;
  bool starved_ = false;  // the library has asked for more input than there was
  bool established_ = false;
  bool peer_ended_ = false;
  bool end_requested_ = false;
  bool output_ended_ = false;
};

}  // namespace culvert::carrier
