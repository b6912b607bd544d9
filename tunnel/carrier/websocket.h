// tunnel/carrier/websocket.h: WebSocket (RFC 6455) as a carrier layer: the upgrade, then binary
// messages as a stream of octets. Either side.
//
// A message's borders mean nothing; frames are at most 64 KiB, so that no octet waits long behind
// another one's frame. Pings are answered, text is refused, no extension is offered. The Close
// frame ends one direction, as FIN does, and is answered only when the other direction ends, too.
//
// Of an HTTP proxy that is asked for the upgrade itself, and wants to know who asks (407), the
// client asks again, as ProxyLogin has it.
//
// The client's errors name what stripped the upgrade, as far as the answer shows it. There is no
// clock here: a proxy that swallows the upgrade (privoxy does) is the owner's time limit to notice.
#pragma once
#include <memory>
#include <optional>

#include "tunnel/base/byte_queue.h"
#include "tunnel/base/random.h"
#include "tunnel/carrier/http_answer.h"
#include "tunnel/carrier/layer.h"
#include "tunnel/carrier/proxy_question.h"
#include "tunnel/carrier/websocket_frames.h"

namespace culvert::carrier {

class WebSocket final : public Layer {
 public:
  struct Request {
    std::string target = "/";  // "http://host:port/" for an HTTP proxy
    std::string host;          // the Host field
    std::string more_fields;   // each with its line end
  };
  // `random` must outlive the layer: every frame has a mask of it.
  // `login`: to the proxy that `target` names the service to; null: none is asked.
  static std::unique_ptr<WebSocket> client(const Request& request, Random& random,
                                           std::shared_ptr<ProxyLogin> login = nullptr);
  // The answer to an upgrade that somebody else has read; `key`: its Sec-WebSocket-Key.
  static std::unique_ptr<WebSocket> server(std::string_view key);

  bool established() const override { return state_ == State::kOpen; }
  bool wants_new_connection() const override {
    return question_ && question_->wants_new_connection();
  }
  bool waits() const override { return question_ && question_->waits(); }
  void go_on() override { ask(); }
  bool wants_input() const override;
  Result<void> receive(Bytes wire) override;
  Result<void> receive_into(Bytes wire, MutableBytes& room) override;
  Result<void> receive_end() override;
  Bytes readable() const override { return data_.peek(); }
  void consumed(std::size_t count) override;
  bool peer_ended() const override { return peer_ended_; }
  Result<std::size_t> write(Bytes data) override;
  Result<void> end_writing() override;
  Bytes pending_output() const override { return output_.peek(); }
  void output_sent(std::size_t count) override;
  bool output_ended() const override { return output_ended_; }
  std::string describe() const override { return "WebSocket"; }

 private:
  enum class State : std::uint8_t { kUpgrading, kOpen };
  WebSocket(bool is_client, Random* random) : random_(random), reader_(!is_client) {}
  tl::unexpected<Error> stop(Error why);
  void ask();
  Result<void> take_answer();
  Result<void> judge(const HttpAnswer& answer);
  Result<void> take_frames(Bytes wire, MutableBytes& room);
  void put(WebSocketOpcode opcode, Bytes payload);

  Random* random_;  // null in a server
  WebSocketReader reader_;
  State state_ = State::kUpgrading;
  Request request_;
  std::optional<ProxyQuestion> question_;
  std::string accept_;  // that the answer must have
  ByteVector answer_;   // until it is complete
  int interim_ = 0;
  ByteQueue data_, output_;
  std::optional<Error> failure_;
  bool peer_ended_ = false, end_requested_ = false, output_ended_ = false;
};

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2).
std::string websocket_accept(std::string_view key);

}  // namespace culvert::carrier
