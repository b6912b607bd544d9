#include "tunnel/proxies/pac_engine.h"

#include <duktape.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "tunnel/proxies/pac_functions.h"

namespace culvert::proxies {
namespace {

constexpr std::size_t kMostText = 8 * 1024;  // of a result or an exception

}  // namespace

struct PacEngine::Heap {
  explicit Heap(Network& n) : network(n) {}
  ~Heap() {
    if (context != nullptr) duk_destroy_heap(context);
  }

  // Each block is preceded by its size, so that the sum is known.
  static constexpr std::size_t kHeader = alignof(std::max_align_t);
  void* allocate(std::size_t size) {
    if (size == 0 || size > kMostMemory - used) return nullptr;
    auto* block = static_cast<std::byte*>(std::malloc(kHeader + size));
    if (block == nullptr) return nullptr;
    std::memcpy(block, &size, sizeof size);
    used += size;
    return block + kHeader;
  }
  void release(void* at) {
    if (at == nullptr) return;
    used -= size_of(at);
    std::free(static_cast<std::byte*>(at) - kHeader);
  }
  void* reallocate(void* at, std::size_t size) {
    if (at == nullptr) return allocate(size);
    if (size == 0) {
      release(at);
      return nullptr;
    }
    const auto before = size_of(at);
    if (size > before && size - before > kMostMemory - used) return nullptr;
    auto* block = static_cast<std::byte*>(
        std::realloc(static_cast<std::byte*>(at) - kHeader, kHeader + size));
    if (block == nullptr) return nullptr;
    std::memcpy(block, &size, sizeof size);
    used = used - before + size;
    return block + kHeader;
  }
  static std::size_t size_of(void* at) {
    std::size_t size = 0;
    std::memcpy(&size, static_cast<std::byte*>(at) - kHeader, sizeof size);
    return size;
  }

  static Heap& of(duk_context* ctx) {
    duk_memory_functions functions;
    duk_get_memory_functions(ctx, &functions);
    return *static_cast<Heap*>(functions.udata);
  }

  static duk_ret_t dns_resolve(duk_context* ctx) {
    auto& heap = of(ctx);
    // No C++ object with a destructor may live where Duktape throws: it uses longjmp.
    const char* host = duk_to_string(ctx, 0);
    if (std::strlen(host) > 255 || ++heap.lookups > kMostLookups) {
      duk_push_null(ctx);
      return 1;
    }
    heap.text = heap.network.resolve(host);
    if (heap.text.empty())
      duk_push_null(ctx);
    else
      duk_push_lstring(ctx, heap.text.data(), heap.text.size());
    return 1;
  }
  static duk_ret_t my_ip_address(duk_context* ctx) {
    auto& heap = of(ctx);
    heap.text = heap.network.own_address();
    duk_push_lstring(ctx, heap.text.data(), heap.text.size());
    return 1;
  }
  [[noreturn]] static void on_fatal(void*, const char*) { std::_Exit(70); }  // the parent says why

  std::string pop_error() {
    std::string why = duk_safe_to_string(context, -1);
    duk_pop(context);
    return why.substr(0, kMostText);
  }
  bool evaluate(std::string_view script) {
    return duk_peval_lstring(context, script.data(), script.size()) == 0;
  }

  Network& network;
  duk_context* context = nullptr;
  std::size_t used = 0;
  int lookups = 0;
  std::string text;  // on its way to the script
};

PacEngine::PacEngine(Network& network) : heap_(std::make_unique<Heap>(network)) {
  heap_->context = duk_create_heap(
      [](void* heap, duk_size_t size) { return static_cast<Heap*>(heap)->allocate(size); },
      [](void* heap, void* at, duk_size_t size) {
        return static_cast<Heap*>(heap)->reallocate(at, size);
      },
      [](void* heap, void* at) { static_cast<Heap*>(heap)->release(at); }, heap_.get(),
      &Heap::on_fatal);
  auto* ctx = heap_->context;
  if (ctx == nullptr) return;  // load() says so
  duk_push_c_function(ctx, &Heap::dns_resolve, 1);
  duk_put_global_string(ctx, "dnsResolve");
  duk_push_c_function(ctx, &Heap::my_ip_address, 0);
  duk_put_global_string(ctx, "myIpAddress");
}

PacEngine::~PacEngine() = default;

Result<void> PacEngine::load(std::string_view script) {
  auto* ctx = heap_->context;
  if (ctx == nullptr) return fail(ErrorCode::kIo, "there is no memory for the script");
  if (script.starts_with("\xef\xbb\xbf")) script.remove_prefix(3);  // UTF-8 byte order mark
  for (const auto part : {kPacFunctions, script}) {
    if (!heap_->evaluate(part))
      return fail(ErrorCode::kBadInput, "the PAC script does not load: " + heap_->pop_error());
    duk_pop(ctx);
  }
  const bool found =
      duk_get_global_string(ctx, "FindProxyForURL") != 0 && duk_is_callable(ctx, -1) != 0;
  duk_pop(ctx);
  if (!found) return fail(ErrorCode::kBadInput, "the PAC script has no function FindProxyForURL");
  return {};
}

Result<std::string> PacEngine::find_proxy(const std::string& url, const std::string& host) {
  auto* ctx = heap_->context;
  duk_get_global_string(ctx, "FindProxyForURL");
  duk_push_lstring(ctx, url.data(), url.size());
  duk_push_lstring(ctx, host.data(), host.size());
  if (duk_pcall(ctx, 2) != 0)
    return fail(ErrorCode::kBadInput, "FindProxyForURL failed: " + heap_->pop_error());
  std::string returned;
  const bool nothing = duk_is_null_or_undefined(ctx, -1) != 0;
  const bool text = duk_is_string(ctx, -1) != 0;
  if (text) returned = duk_get_string(ctx, -1);
  duk_pop(ctx);
  if (!text && !nothing)
    return fail(ErrorCode::kBadInput, "FindProxyForURL returned something that is no text");
  if (returned.size() > kMostText)
    return fail(ErrorCode::kBadInput, "FindProxyForURL returned more than 8 KiB");
  return returned;
}

}  // namespace culvert::proxies
