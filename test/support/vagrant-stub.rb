# Stands in for Vagrant: runs the Vagrantfile named first with the command named second, prints what it asked for as JSON.
require 'json'

# Keeps every setting and call; blocks are handed keepers of their own.
class Keeper < BasicObject
  def initialize
    @kept = {}
  end

  def kept
    @kept
  end

  def define(name, **_)
    one = @kept[name] = ::Keeper.new
    yield one
  end

  def provider(name)
    one = (@kept['providers'] ||= ::Keeper.new).kept[name] = ::Keeper.new
    yield one, (@kept['override'] ||= ::Keeper.new)
  end

  def network(kind, **options)
    (@kept['networks'] ||= []) << options.merge(kind: kind)
  end

  def provision(kind, **options)
    (@kept['provisions'] ||= []) << options.merge(kind: kind)
  end

  def synced_folder(*_, **options)
    @kept['synced'] = options
  end

  def method_missing(name, *values)
    return @kept[name.to_s.chomp('=')] = values.first if name.to_s.end_with?('=')

    @kept[name.to_s] ||= ::Keeper.new
  end

  def respond_to_missing?(*_)
    true
  end

  def self.plain(value)
    case value
    when ::Keeper then value.kept.to_h { |name, one| [name, plain(one)] }
    when ::Hash then value.to_h { |name, one| [name, plain(one)] }
    when ::Array then value.map { |one| plain(one) }
    else value
    end
  end
end

# What a Vagrantfile sees of it.
module Vagrant
  VERSION = ENV.fetch('STUB_VERSION', '2.3.4')

  def self.configure(_)
    config = Keeper.new
    yield config
    puts JSON.generate(Keeper.plain(config))
  end
end

# Whether a machine has KVM is the test's to say.
class << File
  alias of_the_machine? exist?

  def exist?(path)
    path == '/dev/kvm' ? ENV.fetch('STUB_KVM', 'yes') == 'yes' : of_the_machine?(path)
  end
end

file = ARGV.shift
load file
