package search
import ("testing";"fmt";"valise/models";"valise/models/modeltest")
func BenchmarkConns(b *testing.B){
	s,err:=models.Open(b.Context(), modeltest.SQLite(b)); if err!=nil{b.Fatal(err)}
	defer s.Close()
	d:=newDesk(b,s); d.fill(b,6000)
	for _,n:=range []int{1,2,3,6} { s.R.DB.SetMaxOpenConns(n); s.R.DB.SetMaxIdleConns(n)
	  b.Run(fmt.Sprint("mix20/",n), func(b *testing.B){ d.bench(b, anna, 20, benchQueries...) }) 
	  b.Run(fmt.Sprint("mix1/",n), func(b *testing.B){ d.bench(b, anna, 1, benchQueries...) }) }
}
