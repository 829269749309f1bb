#include "nn/data/decoded_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "nn/atomic_file.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

// The last byte is the version: raised whenever decode or resize give other bytes for the same file.
constexpr char magic[] = "MODEu8\n\x01";
constexpr size_t magic_bytes = 8;

class Hash {
 public:
  Hash() { XXH3_128bits_reset(&state_); }
  Hash& text(const std::string& text) { return number(static_cast<int64_t>(text.size())).bytes(text.data(), text.size()); }
  Hash& number(int64_t value) { return bytes(&value, sizeof(value)); }
  XXH128_hash_t digest() const { return XXH3_128bits_digest(&state_); }

 private:
  Hash& bytes(const void* data, size_t count) {
    XXH3_128bits_update(&state_, data, count);
    return *this;
  }
  XXH3_state_t state_;
};

void append(std::string& bytes, const void* data, size_t count) { bytes.append(static_cast<const char*>(data), count); }

std::string header_of(const DecodedSet& set, int64_t image_bytes) {
  Hash key;
  for (const std::string& name : set.names) {
    const std::string path = (std::filesystem::path(set.root) / name).string();
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) throw tensor::Error(fmt::format("cannot read {}: {}", printable(path), std::strerror(errno)));
    key.number(status.st_size).number(status.st_mtim.tv_sec).number(status.st_mtim.tv_nsec);
  }
  const XXH128_hash_t digest = key.digest();
  const auto images = static_cast<int64_t>(set.names.size());
  std::string header(magic, magic_bytes);
  append(header, &digest, sizeof(digest));
  append(header, &images, sizeof(images));
  append(header, &image_bytes, sizeof(image_bytes));
  return header;
}

// "tiny_imagenet-64-0123456789abcdef.u8"
std::string file_name(const DecodedSet& set) {
  std::error_code ignored;
  const std::filesystem::path root = std::filesystem::weakly_canonical(set.root, ignored);
  Hash identity;
  identity.text(root.string()).number(set.framing.size).number(static_cast<int64_t>(set.framing.crop)).number(set.framing.short_side);
  for (const std::string& name : set.names) identity.text(name);
  std::string title = root.filename().string();
  if (title.empty() || title.size() > 60) title = "images";
  return fmt::format("{}-{}-{:016x}.u8", title, set.framing.size, identity.digest().low64);
}

uint64_t sum_of_sums(const std::string& header, const std::vector<uint64_t>& sums) {
  return XXH3_64bits_withSeed(sums.data(), sums.size() * sizeof(uint64_t), XXH3_64bits(header.data(), header.size()));
}

void warn(const std::string& what) { fmt::print(stderr, "warning: {}\n", what); }

// Images first .. first + count by all processors; of several faults the first image's is thrown.
void decode_some(int64_t first, int64_t count, size_t image_bytes, const DecodedCache::Decode& decode, uint8_t* pixels) {
  std::atomic<int64_t> next{0}, end{count};
  std::mutex failing;
  std::exception_ptr fault;
  const auto work = [&] {
    for (int64_t no = next++; no < end; no = next++) try {
        decode(first + no, pixels + static_cast<size_t>(no) * image_bytes);
      } catch (...) {
        const std::lock_guard lock(failing);
        if (no < end) {
          end = no;
          fault = std::current_exception();
        }
      }
  };
  std::vector<std::thread> others;
  try {
    for (unsigned no = 1; no < std::min(64u, std::thread::hardware_concurrency()); ++no) others.emplace_back(work);
  } catch (const std::system_error&) {  // no more threads to be had: those that there are do it
  }
  work();
  for (std::thread& other : others) other.join();
  if (fault != nullptr) std::rethrow_exception(fault);
}

// Returns why the file could not be written; empty when it is there.
std::string fill(const std::string& path, const std::string& header, int64_t images, size_t image_bytes,
                 const DecodedCache::Decode& decode) {
  std::string fault;
  const auto succeeds = [&fault](const auto& call) {
    try {
      call();
    } catch (const std::exception& error) {
      fault = error.what();
    }
    return fault.empty();
  };
  std::unique_ptr<AtomicFile> file;
  if (!succeeds([&] {
        const std::filesystem::path folder = std::filesystem::path(path).parent_path();
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        if (error) throw tensor::Error(fmt::format("cannot make folder {}: {}", printable(folder.string()), error.message()));
        remove_unfinished(folder.string());
        file = std::make_unique<AtomicFile>(path);
        file->write(header.data(), static_cast<int64_t>(header.size()));
      }))
    return fault;
  const int64_t most = std::clamp<int64_t>((32 << 20) / static_cast<int64_t>(image_bytes), 16, 4096);
  std::vector<uint8_t> pixels(static_cast<size_t>(std::min(most, images)) * image_bytes);
  std::vector<uint64_t> sums;
  for (int64_t first = 0; first < images; first += most) {
    const int64_t count = std::min(most, images - first);
    decode_some(first, count, image_bytes, decode, pixels.data());
    for (int64_t no = 0; no < count; ++no)
      sums.push_back(
          XXH3_64bits_withSeed(pixels.data() + static_cast<size_t>(no) * image_bytes, image_bytes, static_cast<uint64_t>(first + no)));
    if (!succeeds([&] { file->write(pixels.data(), count * static_cast<int64_t>(image_bytes)); })) return fault;
  }
  const uint64_t sum = sum_of_sums(header, sums);
  succeeds([&] {
    file->write(sums.data(), static_cast<int64_t>(sums.size() * sizeof(uint64_t)));
    file->write(&sum, sizeof(sum));
    file->commit();
  });
  return fault;
}

bool read_at(int file, void* to, size_t count, size_t from) {
  auto* next = static_cast<uint8_t*>(to);
  while (count > 0) {
    const ssize_t got = ::pread(file, next, count, static_cast<off_t>(from));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    next += got;
    from += static_cast<size_t>(got);
    count -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

// True where path_ is a whole file with that header.
bool DecodedCache::load(const std::string& header, int64_t images, int64_t image_bytes) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  const int64_t sums_at = static_cast<int64_t>(header.size()) + images * image_bytes;
  if (file_ < 0 || ::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != sums_at + (images + 1) * 8) return false;
  std::string start(header.size(), 0);
  uint64_t sum = 0;
  sums_.resize(static_cast<size_t>(images));
  image_bytes_ = static_cast<size_t>(image_bytes);
  return read_at(file_, start.data(), start.size(), 0) && start == header &&
         read_at(file_, sums_.data(), sums_.size() * sizeof(uint64_t), static_cast<size_t>(sums_at)) &&
         read_at(file_, &sum, sizeof(sum), static_cast<size_t>(sums_at + images * 8)) && sum == sum_of_sums(header, sums_);
}

std::unique_ptr<DecodedCache> DecodedCache::open(const std::string& folder, const DecodedSet& set, const Decode& decode) {
  const auto images = static_cast<int64_t>(set.names.size());
  const int64_t image_bytes = set.framing.size * set.framing.size * 3;
  const std::string header = header_of(set, image_bytes), path = folder + "/" + file_name(set);
  for (const bool filled : {false, true}) {
    std::string fault = filled ? fill(path, header, images, static_cast<size_t>(image_bytes), decode) : "";
    std::unique_ptr<DecodedCache> cache(new DecodedCache);
    cache->path_ = path;
    if (fault.empty() && cache->load(header, images, image_bytes)) return cache;
    if (!filled) continue;
    warn(fmt::format("decoded images are not cached: {}", fault.empty() ? "cannot read " + printable(path) + " back" : fault));
  }
  return nullptr;
}

DecodedCache::~DecodedCache() {
  if (file_ >= 0) ::close(file_);
}

bool DecodedCache::read(int64_t index, uint8_t* pixels) const {
  const size_t from = magic_bytes + 32 + static_cast<size_t>(index) * image_bytes_;
  if (read_at(file_, pixels, image_bytes_, from) &&
      XXH3_64bits_withSeed(pixels, image_bytes_, static_cast<uint64_t>(index)) == sums_[index])
    return true;
  if (!is_damaged_.exchange(true)) {
    ::unlink(path_.c_str());
    warn(fmt::format("{} is damaged at image {}: images are decoded again, and the file is made anew next time", printable(path_), index));
  }
  return false;
}

}  // namespace nn
