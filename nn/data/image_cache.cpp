#include "nn/data/image_cache.h"

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

#include "nn/files.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace nn {
namespace {

// The last byte is the version. Increase it whenever decoding or resizing changes the bytes of an image.
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

std::string header_of(const CacheKey& key, int64_t image_bytes) {
  Hash state;
  for (const std::string& name : key.names) {
    const std::string path = (std::filesystem::path(key.root) / name).string();
    struct stat status;
    if (::stat(path.c_str(), &status) != 0) throw tensor::Error(fmt::format("cannot read {}: {}", printable(path), std::strerror(errno)));
    state.number(status.st_size).number(status.st_mtim.tv_sec).number(status.st_mtim.tv_nsec);
  }
  const XXH128_hash_t digest = state.digest();
  const auto images = static_cast<int64_t>(key.names.size());
  std::string header(magic, magic_bytes);
  append(header, &digest, sizeof(digest));
  append(header, &images, sizeof(images));
  append(header, &image_bytes, sizeof(image_bytes));
  return header;
}

// "tiny_imagenet-64-0123456789abcdef.u8"
std::string file_name(const CacheKey& key) {
  std::error_code ignored;
  const std::filesystem::path root = std::filesystem::weakly_canonical(key.root, ignored);
  Hash identity;
  identity.text(root.string()).number(key.framing.size).number(static_cast<int64_t>(key.framing.crop)).number(key.framing.short_side);
  for (const std::string& name : key.names) identity.text(name);
  std::string title = root.filename().string();
  if (title.empty() || title.size() > 60) title = "images";
  return fmt::format("{}-{}-{:016x}.u8", title, key.framing.size, identity.digest().low64);
}

uint64_t checksum_of(const std::string& header, const std::vector<uint64_t>& checksums) {
  return XXH3_64bits_withSeed(checksums.data(), checksums.size() * sizeof(uint64_t), XXH3_64bits(header.data(), header.size()));
}

void warn(const std::string& what) { fmt::print(stderr, "warning: {}\n", what); }

// Decodes images first .. first + count on all processors. If several fail, the exception of the first image is rethrown.
void decode_some(int64_t first, int64_t count, int64_t image_bytes, const DiskCache::Decode& decode, uint8_t* pixels) {
  std::atomic<int64_t> next{0}, end{count};
  std::mutex failing;
  std::exception_ptr fault;
  const auto work = [&] {
    for (int64_t no = next++; no < end; no = next++) try {
        decode(first + no, pixels + no * image_bytes);
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
  } catch (const std::system_error&) {  // no more threads: continue with those that started
  }
  work();
  for (std::thread& other : others) other.join();
  if (fault != nullptr) std::rethrow_exception(fault);
}

// Writes the file. Returns the reason of a failure, or an empty string.
std::string fill(const std::string& path, const std::string& header, int64_t images, int64_t image_bytes, const DiskCache::Decode& decode) {
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
        if (error) throw tensor::Error(fmt::format("cannot create folder {}: {}", printable(folder.string()), error.message()));
        remove_unfinished(folder.string());
        file = std::make_unique<AtomicFile>(path);
        file->write(header.data(), static_cast<int64_t>(header.size()));
      }))
    return fault;
  const int64_t chunk = std::clamp<int64_t>((32 << 20) / image_bytes, 16, 4096);
  std::vector<uint8_t> pixels(std::min(chunk, images) * image_bytes);
  std::vector<uint64_t> checksums;
  for (int64_t first = 0; first < images; first += chunk) {
    const int64_t count = std::min(chunk, images - first);
    decode_some(first, count, image_bytes, decode, pixels.data());
    for (int64_t no = 0; no < count; ++no)
      checksums.push_back(XXH3_64bits_withSeed(pixels.data() + no * image_bytes, image_bytes, first + no));
    if (!succeeds([&] { file->write(pixels.data(), count * image_bytes); })) return fault;
  }
  const uint64_t sum = checksum_of(header, checksums);
  succeeds([&] {
    file->write(checksums.data(), checksums.size() * sizeof(uint64_t));
    file->write(&sum, sizeof(sum));
    file->commit();
  });
  return fault;
}

bool read_at(int file, void* to, int64_t count, int64_t from) {
  auto* next = static_cast<uint8_t*>(to);
  while (count > 0) {
    const ssize_t got = ::pread(file, next, count, from);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    next += got;
    from += got;
    count -= got;
  }
  return true;
}

}  // namespace

// True if path_ is a complete file with that header.
bool DiskCache::load(const std::string& header, int64_t images, int64_t image_bytes) {
  file_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  const int64_t checksums_at = static_cast<int64_t>(header.size()) + images * image_bytes;
  if (file_ < 0 || ::fstat(file_, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != checksums_at + (images + 1) * 8)
    return false;
  std::string start(header.size(), 0);
  uint64_t sum = 0;
  checksums_.resize(images);
  image_bytes_ = image_bytes;
  return read_at(file_, start.data(), start.size(), 0) && start == header &&
         read_at(file_, checksums_.data(), checksums_.size() * sizeof(uint64_t), checksums_at) &&
         read_at(file_, &sum, sizeof(sum), checksums_at + images * 8) && sum == checksum_of(header, checksums_);
}

std::unique_ptr<DiskCache> DiskCache::open(const std::string& folder, const CacheKey& key, const Decode& decode) {
  const auto images = static_cast<int64_t>(key.names.size());
  const int64_t image_bytes = key.framing.size * key.framing.size * 3;
  const std::string header = header_of(key, image_bytes), path = folder + "/" + file_name(key);
  for (const bool filled : {false, true}) {
    std::string fault = filled ? fill(path, header, images, image_bytes, decode) : "";
    std::unique_ptr<DiskCache> cache(new DiskCache);
    cache->path_ = path;
    if (fault.empty() && cache->load(header, images, image_bytes)) return cache;
    if (!filled) continue;
    warn(fmt::format("decoded images are not cached: {}", fault.empty() ? "cannot read " + printable(path) + " after writing it" : fault));
  }
  return nullptr;
}

DiskCache::~DiskCache() {
  if (file_ >= 0) ::close(file_);
}

bool DiskCache::read(int64_t index, uint8_t* pixels) const {
  const int64_t from = magic_bytes + 32 + index * image_bytes_;
  if (read_at(file_, pixels, image_bytes_, from) && XXH3_64bits_withSeed(pixels, image_bytes_, index) == checksums_[index]) return true;
  if (!is_damaged_.exchange(true)) {
    ::unlink(path_.c_str());
    warn(fmt::format("{} is damaged at image {}: images are decoded again, and the next run writes the file again", printable(path_),
                     index));
  }
  return false;
}

}  // namespace nn
