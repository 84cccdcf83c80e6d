use reprise::{build::*, memory::*, sequence::*};
struct P(std::time::Instant);
impl Progress for P { fn phase(&self, n:&'static str, _:Option<u64>){eprintln!("{:?} {n} rss {:?}", self.0.elapsed(), resident().unwrap().anonymous>>20)} fn advance(&self,_:u64){} }
fn main() {
    let a:Vec<String>=std::env::args().collect();
    let t=std::time::Instant::now();
    let pool=rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let o=BuildOptions{k:Some(a[3].parse().unwrap()),min_frequency:a[4].parse().unwrap(),force:true,..Default::default()};
    let b=Budget::new(parse_size(&a[5]).unwrap());
    let r=pool.install(||build_index(&[Source::new(&a[1])],a[2].as_ref(),&o,&b,&P(t)));
    match r { Ok(r)=>println!("{:#?} passes {}",r.manifest, r.passes), Err(e)=>println!("ERR {e}") }
    println!("{:?} {:?}",t.elapsed(),resident());
}
